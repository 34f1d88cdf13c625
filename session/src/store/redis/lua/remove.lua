-- Removes entries whose sessions have ended.
-- In: an index's Redis key; for how many milliseconds a reservation may be in flight, or nothing to remove reservations of any age; selectors,
-- each with the value that was seen. Out: 1.
-- An entry that has another value by now belongs to a newer sign-in, and stays. A reservation may be in flight: its record may be about to
-- appear, so it stays until it is old.
for i = 2, #ARGV, 2 do
  local value = redis.call('HGET', k, ARGV[i])
  if value == ARGV[i + 1] and (string.find(state(value), '[cx]') or ARGV[1] == '' or now - time(value) >= tonumber(ARGV[1])) then
    redis.call('HDEL', k, ARGV[i])
  end
end
return {1}
