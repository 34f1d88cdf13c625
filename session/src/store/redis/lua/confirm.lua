-- Confirms a reserved entry, after its record was written.
-- In: an index's Redis key; selector. Out: 1 confirmed; 2 doomed in the meantime, with the entry; 0 no entry.
local entry = entry_of(ARGV[1])
if not entry then return {0} end
if not lives(entry) then return {2, entry} end
if state(entry) == 'r' then
  although_full()
  put(with_state('c', entry), entry)
end
return {1}
