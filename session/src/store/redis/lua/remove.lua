-- Removes entries whose sessions have ended.
-- In: an index's Redis key; for how many milliseconds a reservation may be in flight, or nothing to remove reservations of any age; entries as
-- they were seen. Out: 1.
-- An entry that has another state or time by now belongs to a newer sign-in, and stays. A reservation may be in flight: its record may be about
-- to appear, so it stays until it is old.
for i = 2, #ARGV do
  local entry = ARGV[i]
  if string.find(state(entry), '[cx]') or ARGV[1] == '' or now - time(entry) >= tonumber(ARGV[1]) then
    redis.call('ZREM', k, entry)
  end
end
return {1}
