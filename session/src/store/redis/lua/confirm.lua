-- Confirms a reserved entry, after its record was written.
-- In: an index's Redis key; selector. Out: 1 confirmed; 2 doomed in the meantime, with the value; 0 no entry.
local value = redis.call('HGET', k, ARGV[1])
if not value then return {0} end
if not lives(value) then return {2, value} end
if state(value) == 'r' then
  although_full()
  redis.call('HSET', k, ARGV[1], 'c' .. string.sub(value, 2))
end
return {1}
