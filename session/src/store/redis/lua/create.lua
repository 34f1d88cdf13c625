-- In: a record's key; verifier, idle, absolute, flags (a authenticated, k persistent, p principal and b label follow), and then
-- cells as wire key and '[<time to live>] <json>'. Out: 1 done, 5 there is something.
if redis.call('EXISTS', k) == 1 then return {5} end
local begun, flags, i = number(now), ARGV[4], 5
local set = {'@f', '1', '@v', ARGV[1], '@g', '1', '@r', '1', '@c', begun, '@t', begun, '@n', begun, '@i', ARGV[2], '@m', ARGV[3]}
local function put(field, value)
  set[#set + 1] = field
  set[#set + 1] = value
end
put('@k', string.find(flags, 'k') and '1' or '0')
put('@s', string.find(flags, 'p') and '1' or '0')
if string.find(flags, 'a') then put('@a', begun) end
if string.find(flags, 'p') then put('@p', ARGV[i]) i = i + 1 end
if string.find(flags, 'b') then put('@l', ARGV[i]) i = i + 1 end
while i < #ARGV do
  put(ARGV[i], cell('1', ARGV[i + 1]))
  i = i + 2
end
local at = now + math.min(ARGV[2], ARGV[3])
if now < at then
  each('HSET', set)
  expire(at)
end
return {1}
