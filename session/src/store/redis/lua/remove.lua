-- In: an index's key; for how long a reservation may be in flight, in milliseconds; selectors and the values seen.
-- Removes those that still have that value and are not in flight.
for i = 2, #ARGV, 2 do
  local value = redis.call('HGET', k, ARGV[i])
  if value == ARGV[i + 1] and (string.find(state(value), '[cx]') or ARGV[1] == '' or now - time(value) >= tonumber(ARGV[1])) then
    redis.call('HDEL', k, ARGV[i])
  end
end
return {1}
