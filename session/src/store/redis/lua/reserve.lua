-- Reserves an entry for a sign-in, and dooms the oldest entries if there are too many.
-- In: an index's Redis key; selector, time to live of the index, the maximum of entries or nothing, flags (e evict, f final).
-- Out: 1 reserved: whether the entry is new, its value, the entries that were doomed for it, some entries to check, and entries that others
-- doomed; 2 full, with all live entries.
-- Without f, a full index is only reported: the caller removes entries of expired sessions and asks again with f, which decides.
-- Counting and reserving are atomic, so sign-ins that race for the last place do not both get it.
local mine = redis.call('HGET', k, ARGV[1])
local doomed, left = {}, {}
-- A session that has a live entry is counted already, so signing in to it again needs no room.
if ARGV[3] ~= '' and not lives(mine) then
  local all, live = redis.call('HGETALL', k), {}
  for i = 1, #all, 2 do
    if all[i] ~= ARGV[1] then
      if lives(all[i + 1]) then
        live[#live + 1] = {all[i], all[i + 1]}
      else
        -- Another call doomed this entry and has not finished, or crashed.
        left[#left + 1] = all[i]
        left[#left + 1] = all[i + 1]
      end
    end
  end
  local surplus = #live + 1 - ARGV[3]
  if surplus > 0 then
    if not string.find(ARGV[4], 'e') or not string.find(ARGV[4], 'f') then
      local flat = {}
      for _, entry in ipairs(live) do
        flat[#flat + 1] = entry[1]
        flat[#flat + 1] = entry[2]
      end
      return {2, flat}
    end
    table.sort(live, function(a, b)
      if time(a[2]) ~= time(b[2]) then return time(a[2]) < time(b[2]) end
      return a[1] < b[1]
    end)
    for i = 1, surplus do
      doomed[#doomed + 1] = live[i][1]
      doomed[#doomed + 1] = doom(live[i][1], live[i][2])
    end
  end
end
-- Sessions that expire leave their entries. Checking eight per sign-in removes more entries than sign-ins add.
local some = {}
if redis.call('HLEN', k) > 8 then some = redis.call('HRANDFIELD', k, 8, 'WITHVALUES') end
-- A new value, never one that the entry had before: a call that removes an entry names the value that it saw, and must not remove this
-- reservation.
local value = 'r' .. number(math.max(now, time(mine) + 1))
redis.call('HSET', k, ARGV[1], value)
keep(ARGV[2])
return {1, lives(mine) and 0 or 1, value, doomed, some, left}
