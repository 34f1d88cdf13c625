-- Applies a change to a record; as Record::apply, atomically.
-- In: a record's Redis key; '<generation or nothing>,<guards>,<deletes>,<writes>,<flags>'; per guard a wire key and a revision or
-- nothing; wire keys to delete; per write a wire key and '[<time to live>] <json>'; then the values that the flags announce:
-- r verifier, p principal (P none), a authenticated, l idle and absolute, e persistent (E not), b label (B none), t touch.
-- Out: 0 gone; 1 done, with the revision, the principal before if it is no longer the same, and, if the index should be updated, the
-- principal, since when it is signed in, and until when the session may live; 2 conflict, with the time and all fields;
-- 3 damaged; 4 of a later release.
--
-- The order keeps the promises: a missing or expired record is gone before anything else is checked, so no update brings back a session
-- that was purged (G3); an unreadable record is refused before its guards are compared, so it is never overwritten (G6); all guards
-- are compared before anything is written, so a change applies as a whole or not at all (G2).

-- 1. Is there a live, readable record?
local all = redis.call('HGETALL', k)
if #all == 0 then return {0} end
local m, unreadable = read(all)
if unreadable then return unreadable end
local old_end = ends(m)
if now >= old_end then
  redis.call('DEL', k)
  return {0}
end

-- 2. Do the generation and all guards hold? The reply of a conflict is the record of this very moment, so a retry needs no load.
local generation, guards, deletes, writes, flags = string.match(ARGV[1], '^(%d*),(%d+),(%d+),(%d+),(%a*)$')
local holds, i = generation == '' or generation == m['@g'], 2
for _ = 1, tonumber(guards) do
  local there = m[ARGV[i]]
  if there and not is_utf8(there) then return {3} end
  holds = holds and ARGV[i + 1] == (there and string.match(there, '^%d+') or '')
  i = i + 2
end
if not holds then return {2, t[1], t[2], all} end

-- 3. Collect the new fields (`set`) and the removed ones (`cut`); `m` becomes the new meta.
local revision = plus(1, m['@r'])
local set, cut, kept = {'@r', revision}, {}, {}
local function put(field, value)
  set[#set + 1] = field
  set[#set + 1] = value
  kept[field] = true
end
local function meta(field, value)
  if value then put(field, value) elseif m[field] then cut[#cut + 1] = field end
  m[field] = value
end
local function asked(flag)
  return string.find(flags, flag, 1, true)
end
local function next_argument()
  i = i + 1
  return ARGV[i - 1]
end
local deleted = i
i = i + deletes
for _ = 1, tonumber(writes) do
  local key = next_argument()
  if m[key] and not is_utf8(m[key]) then return {3} end
  put(key, cell(revision, next_argument()))
end
-- Deletes come before writes, so a cell that is both deleted and written stays.
for j = deleted, deleted + deletes - 1 do
  if m[ARGV[j]] and not kept[ARGV[j]] then cut[#cut + 1] = ARGV[j] end
end

local before, seen = m['@p'], m['@t']
if string.find(flags, '[^t]') then
  if asked('r') then
    meta('@v', next_argument())
    meta('@g', plus(1, m['@g']))
    meta('@n', number(now))
  end
  if asked('p') then
    if not m['@p'] then meta('@s', revision) end
    meta('@p', next_argument())
  end
  if asked('P') then meta('@p', nil) end
  if asked('a') then meta('@a', number(now)) end
  if asked('l') then
    meta('@i', next_argument())
    meta('@m', next_argument())
  end
  if asked('e') then meta('@k', '1') end
  if asked('E') then meta('@k', '0') end
  if asked('b') then meta('@l', next_argument()) end
  if asked('B') then meta('@l', nil) end
end
if asked('t') and now > tonumber(seen) then meta('@t', number(now)) end

-- 4. A change that leaves no time to live ends the session.
local new_end = ends(m)
if now >= new_end then
  redis.call('DEL', k)
  return {0}
end
-- 5. Write. HSET is first, because a full server refuses it; then nothing has been changed.
each('HSET', set)
each('HDEL', cut)
if new_end ~= old_end then expire(new_end) end
local answer = {1, revision, before and before ~= m['@p'] and before or ''}
-- 6. Ask for the index to be updated ten times per idle timeout, however often the session is seen.
local function period(at)
  return math.floor(at * 10 / m['@i'])
end
if m['@p'] and period(m['@t']) ~= period(seen) then
  local since = m['@a'] or m['@c']
  answer[4], answer[5], answer[6] = m['@p'], since, plus(tonumber(since), m['@m'])
end
return answer
