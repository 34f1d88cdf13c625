-- Creates a record; as Record::create.
-- In: a record's Redis key; verifier, idle, absolute; authenticated, signed in and persistent as 0 or 1; of how many cells the time is limited, and
-- for each of them the number of the argument with '<time to live> <json>'; then fields and their values.
-- Out: 1 created, 5 the Redis key exists.
-- Most arguments are passed on as they are: a new session has many, and to look at each takes longer than to store them.
-- Anything under the Redis key refuses the record, readable or not: a create never replaces what it cannot read (G6).
if redis.call('EXISTS', k) == 1 then return {5} end
local idle, absolute = ARGV[2], ARGV[3]
local at = now + math.min(idle, absolute)
-- A record without time to live is created and over at once, so nothing is written.
if at <= now then return {1} end
local first = 8 + ARGV[7]
for i = 8, first - 1 do
  local cell = tonumber(ARGV[i])
  local ttl, json = string.match(ARGV[cell], '^(%d+)( .*)$')
  ARGV[cell] = '1@' .. plus(now, ttl) .. json
end
local begun = number(now)
local proven = ARGV[4] == '1' and begun or '-'
-- `@h` and `@m` are as `hot` and `cold` in read.lua write them. `unpack` has room for a few thousand values, and a record may have more.
redis.call('HSET', k, '@h', '1 1 1 ' .. begun .. ' ' .. idle .. ' ' .. plus(now, absolute),
  '@m', table.concat({begun, begun, proven, ARGV[5], absolute, ARGV[6]}, ' '),
  '@v', ARGV[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
for from = first + 1000, #ARGV, 1000 do
  redis.call('HSET', k, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
redis.call('PEXPIREAT', k, number(math.min(at, 9007199254740991)))
return {1}
