-- In: an index's key; a selector to spare, or nothing. Out: every other entry, now doomed.
local all, doomed = redis.call('HGETALL', k), {}
although_full()
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    doomed[#doomed + 1] = all[i]
    doomed[#doomed + 1] = lives(all[i + 1]) and doom(all[i], all[i + 1]) or all[i + 1]
  end
end
return {1, doomed}
