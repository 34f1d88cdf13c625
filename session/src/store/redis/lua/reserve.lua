-- Reserves an entry for a sign-in, and dooms the oldest entries if there are too many.
-- In: an index's Redis key; selector, time to live of the index, the maximum of entries or nothing, flags (e evict, f final), and how many
-- entries this script may read.
-- Out: 1 reserved: whether the entry is new, the entry, the entries that were doomed for it, some entries to check, and entries that others
-- doomed; 2 full, with all live entries; 6 more entries than it may read.
-- Without f, a full index is only reported: the caller removes entries of expired sessions and asks again with f, which decides.
-- Counting and reserving are atomic, so sign-ins that race for the last place do not both get it.
local mine = entry_of(ARGV[1])
local doomed, left = {}, {}
local all = redis.call('ZCARD', k)
-- A session that has a live entry is counted already, so signing in to it again needs no room. If all entries, doomed or not, leave room,
-- none has to be read; a small index is read all the same, to find what another call has left.
local decides = ARGV[3] ~= '' and not lives(mine)
if decides and all > tonumber(ARGV[5]) then
  if all - (mine and 1 or 0) >= tonumber(ARGV[3]) then return {6} end
  decides = false
end
if decides then
  local live = {}
  for _, entry in ipairs(redis.call('ZRANGE', k, 0, -1)) do
    if entry ~= mine then
      -- Another call doomed an entry that does not live, and has not finished, or crashed.
      local list = lives(entry) and live or left
      list[#list + 1] = entry
    end
  end
  local surplus = #live + 1 - ARGV[3]
  if surplus > 0 then
    if not string.find(ARGV[4], 'e') or not string.find(ARGV[4], 'f') then return {2, live} end
    local times = {}
    for _, entry in ipairs(live) do times[entry] = time(entry) end
    table.sort(live, function(a, b)
      if times[a] ~= times[b] then return times[a] < times[b] end
      return a < b
    end)
    for i = 1, surplus do
      doomed[#doomed + 1] = doom(live[i])
    end
  end
end
-- Sessions that expire leave their entries. Checking eight per sign-in removes more entries than sign-ins add.
local some = {}
if all > 8 then some = redis.call('ZRANDMEMBER', k, 8) end
-- A new time, never one that the entry had before: a call that removes an entry names it as it was seen, and must not remove this reservation.
local entry = put(ARGV[1] .. ':r' .. number(math.max(now, time(mine) + 1)), mine)
keep(ARGV[2])
return {1, lives(mine) and 0 or 1, entry, doomed, some, left}
