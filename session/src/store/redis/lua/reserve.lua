-- Reserves an entry for a sign-in, and dooms the oldest entries if there are too many.
-- In: an index's Redis key; selector, time to live of the index, the maximum of entries or nothing, flags (e evict, f final).
-- Out: 1 reserved: whether the entry is new, the entry, the entries that were doomed for it, some entries to check, and entries that others
-- doomed; 2 full, with all live entries.
-- Without f, a full index is only reported: the caller removes entries of expired sessions and asks again with f, which decides.
-- Counting and reserving are atomic, so sign-ins that race for the last place do not both get it.
local mine = entry_of(ARGV[1])
local doomed, left = {}, {}
-- A session that has a live entry is counted already, so signing in to it again needs no room.
if ARGV[3] ~= '' and not lives(mine) then
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
    table.sort(live, function(a, b)
      if time(a) ~= time(b) then return time(a) < time(b) end
      return a < b
    end)
    for i = 1, surplus do
      doomed[#doomed + 1] = doom(live[i])
    end
  end
end
-- Sessions that expire leave their entries. Checking eight per sign-in removes more entries than sign-ins add.
local some = {}
if redis.call('ZCARD', k) > 8 then some = redis.call('ZRANDMEMBER', k, 8) end
-- A new time, never one that the entry had before: a call that removes an entry names it as it was seen, and must not remove this reservation.
local entry = put(ARGV[1] .. ':r' .. number(math.max(now, time(mine) + 1)), mine)
keep(ARGV[2])
return {1, lives(mine) and 0 or 1, entry, doomed, some, left}
