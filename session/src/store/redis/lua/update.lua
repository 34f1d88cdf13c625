-- In: a record's key; '<generation or nothing>,<guards>,<deletes>,<writes>,<flags>'; per guard a wire key and a revision or
-- nothing; wire keys to delete; per write a wire key and '[<time to live>] <json>'; and then what the flags ask for:
-- r verifier, p principal (P none), a authenticated, l idle and absolute, e persistent (E not),
-- b label (B none), t touched.
-- Out: 0 gone; 1 done, with the revision, the principal before if it is another one now, and, if the index should be looked
-- after, the principal, since when, and until when at most; 2 conflict, with the time and all fields; 3, 4 unreadable.
local all = redis.call('HGETALL', k)
if #all == 0 then return {0} end
local m, unreadable = read(all)
if unreadable then return unreadable end
local old_end = ends(m)
if now >= old_end then
  redis.call('DEL', k)
  return {0}
end
local generation, guards, deletes, writes, flags = string.match(ARGV[1], '^(%d*),(%d+),(%d+),(%d+),(%a*)$')
local holds, i = generation == '' or generation == m['@g'], 2
for _ = 1, tonumber(guards) do
  local there = m[ARGV[i]]
  if there and not is_utf8(there) then return {3} end
  holds = holds and ARGV[i + 1] == (there and string.match(there, '^%d+') or '')
  i = i + 2
end
if not holds then return {2, t[1], t[2], all} end

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
-- A cell that is deleted and written is written.
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

local new_end = ends(m)
if now >= new_end then
  redis.call('DEL', k)
  return {0}
end
-- First what a full server refuses: refused, nothing was changed.
each('HSET', set)
each('HDEL', cut)
if new_end ~= old_end then expire(new_end) end
local answer = {1, revision, before and before ~= m['@p'] and before or ''}
-- Ten times in the time that it may be idle, however often it is seen.
local function period(at)
  return math.floor(at * 10 / m['@i'])
end
if m['@p'] and period(m['@t']) ~= period(seen) then
  local since = m['@a'] or m['@c']
  answer[4], answer[5], answer[6] = m['@p'], since, plus(tonumber(since), m['@m'])
end
return answer
