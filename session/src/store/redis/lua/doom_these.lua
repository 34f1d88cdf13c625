-- Dooms these entries, except those that have changed: a newer sign-in has written them.
-- In: an index's Redis key; entries as they were seen. Out: 1, with the entries, now doomed.
local doomed = {}
although_full()
for _, entry in ipairs(ARGV) do
  if redis.call('ZSCORE', k, entry) then doomed[#doomed + 1] = doom(entry) end
end
return {1, doomed}
