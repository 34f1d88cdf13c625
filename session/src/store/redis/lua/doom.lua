-- Dooms all entries, which is how `delete_all` begins. Reservations are doomed too, so a sign-in that is in flight ends itself when it confirms.
-- In: an index's Redis key; a selector to spare, or nothing. Out: 1, with every other entry, now doomed.
local all, doomed = redis.call('HGETALL', k), {}
although_full()
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    doomed[#doomed + 1] = all[i]
    doomed[#doomed + 1] = lives(all[i + 1]) and doom(all[i], all[i + 1]) or all[i + 1]
  end
end
return {1, doomed}
