-- Runs commands that change nothing, because their Redis key does not exist, to learn which of them the user may not run.
-- In: a Redis key; each command as one text, without the key. Out: the names of those that the server refused for want of rights.
-- Nobody has such a Redis key; what is there all the same stays as it is.
if redis.pcall('EXISTS', KEYS[1]) == 1 then return {} end
local refused = {}
for _, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do words[#words + 1] = word end
  if words[1] ~= 'TIME' then table.insert(words, 2, KEYS[1]) end
  local answer = redis.pcall(unpack(words))
  local err = type(answer) == 'table' and answer.err or ''
  -- Redis 6.2 has no code for it.
  if string.find(err, 'NOPERM') or string.find(err, 'ACL failure') or string.find(err, 'executing the script') then
    refused[#refused + 1] = words[1]
  end
end
return refused
