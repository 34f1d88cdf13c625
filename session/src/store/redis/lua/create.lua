-- Creates a record; as Record::create.
-- In: a record's Redis key; verifier, idle, absolute, flags (a authenticated, k persistent; p the principal and b the label follow), then
-- cells as wire key and '[<time to live>] <json>'.
-- Out: 1 created, 5 the Redis key exists.
-- Anything under the Redis key refuses the record, readable or not: a create never replaces what it cannot read (G6).
if redis.call('EXISTS', k) == 1 then return {5} end
local begun, flags, i = number(now), ARGV[4], 5
local function has(flag)
  return string.find(flags, flag, 1, true)
end
local m = {
  generation = '1', revision = '1', touched = begun, hot = '', created = begun, renewed = begun,
  authenticated = has('a') and begun or nil, signed_in = has('p') and '1' or '0', idle = ARGV[2], absolute = ARGV[3],
  persistent = has('k') and '1' or '0', cold = ''
}
m.over = over(m)
local set = {'@h', hot(m), '@m', cold(m), '@v', ARGV[1]}
local function put(field, value)
  set[#set + 1] = field
  set[#set + 1] = value
end
if has('p') then put('@p', ARGV[i]) i = i + 1 end
if has('b') then put('@l', ARGV[i]) i = i + 1 end
while i < #ARGV do
  put(ARGV[i], cell('1', ARGV[i + 1]))
  i = i + 2
end
local at = now + math.min(ARGV[2], ARGV[3])
-- A record without time to live is created and over at once, so nothing is written.
if now < at then
  each('HSET', set)
  expire(at)
end
return {1}
