-- Applies a change to a record; as Record::apply, atomically.
-- In: a record's Redis key; the generation or nothing; the numbers of guards, deletes and writes; flags; the wire keys of the guards, the
-- deletes and the writes; per guard a revision or nothing; per write '[<time to live>] <json>'; then the values that the flags announce:
-- r verifier, p principal (P none), a authenticated, l idle and absolute, e persistent (E not), b label (B none), n begins anew, t touch.
-- Out: 0 gone; 1 done, with the revision, the principal before if it is no longer the same, and, if the index should be updated, the
-- principal, since when it is signed in, and until when the session may live; 2 conflict, with the time and all fields;
-- 3 damaged; 4 of a later release.
--
-- The order keeps the promises: a missing or expired record is gone before anything else is checked, so no update brings back a session
-- that was purged (G3); an unreadable record is refused before its guards are compared, so it is never overwritten (G6); all guards
-- are compared before anything is written, so a change applies as a whole or not at all (G2).

-- It reads the meta, and the cells that the change names; all cells only for the reply of a conflict. So its cost does not grow with the
-- record, and a damaged cell that the change does not name stays as it is.

-- 1. Is there a live, readable record?
local call, find, match = redis.call, string.find, string.match
local generation, guards, deletes, writes, flags = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
-- The value of the cell that ARGV[n] names is there[n - 1]: four of meta, and the first wire key is the sixth argument.
local last = 5 + guards + deletes + writes
local there = call('HMGET', k, '@h', '@m', '@p', '@l', unpack(ARGV, 6, math.min(last, 1000)))
-- `unpack` has room for a few thousand values, and a change may have more.
for from = 1001, last, 1000 do
  for at, value in ipairs(call('HMGET', k, unpack(ARGV, from, math.min(from + 999, last)))) do
    there[from + at - 2] = value
  end
end
if not there[2] and call('EXISTS', k) == 0 then return {0} end
local m, unreadable = read_meta(there[1], there[2], there[3], there[4])
if unreadable then return unreadable end
local old_end = ends(m)
if now >= old_end then
  call('DEL', k)
  return {0}
end

-- 2. Do the generation and all guards hold? The reply of a conflict is the record of this very moment, so a retry needs no load.
local holds, i = generation == '' or generation == m.generation, last + 1
for at = 5, 4 + guards do
  local value = there[at]
  local revision = value and match(value, '^(%d+)@?%d* ') or ''
  if value and revision == '' then return {3} end
  holds = holds and ARGV[i] == revision
  i = i + 1
end
-- What cannot be read is not overwritten. A cell that is only guarded stays as it is.
for at = 5 + guards + deletes, last - 1 do
  local value = there[at]
  if value and not (find(value, '^%d+@?%d* ') and is_utf8(value)) then return {3} end
end
if not holds then return {2, t[1], t[2], call('HGETALL', k)} end

-- 3. Collect the new fields (`set`) and the removed ones (`cut`); `m` becomes the new meta.
local revision = plus(1, m.revision)
m.revision = revision
local set, n, cut = {'@h', ''}, 2, {}
local first_write = 6 + guards + deletes
for at = first_write, last do
  set[n + 1], set[n + 2] = ARGV[at], cell(revision, ARGV[i])
  n, i = n + 2, i + 1
end
if deletes > 0 then
  -- Deletes come before writes, so a cell that is both deleted and written stays.
  local kept = {}
  for at = first_write, last do kept[ARGV[at]] = true end
  for at = 6 + guards, first_write - 1 do
    if there[at - 1] and not kept[ARGV[at]] then cut[#cut + 1] = ARGV[at] end
  end
end

local before, seen = m.principal, m.touched
if find(flags, '[^t]') then
  read_cold(m, there[2])
  local function asked(flag)
    return find(flags, flag, 1, true)
  end
  local function next_argument()
    i = i + 1
    return ARGV[i - 1]
  end
  local function put(field, value)
    set[n + 1], set[n + 2] = field, value
    n = n + 2
  end
  if asked('n') then
    m.created, m.principal, m.authenticated = number(now), nil, nil
    if before and not asked('p') then cut[#cut + 1] = '@p' end
    if there[4] and not asked('b') then cut[#cut + 1] = '@l' end
    local kept, all = {}, call('HGETALL', k)
    for at = first_write, last do kept[ARGV[at]] = true end
    for at = 1, #all, 2 do
      local key, value = all[at], all[at + 1]
      if string.byte(key) ~= 64 and not kept[key] then
        -- What cannot be read is not removed, as it is not overwritten.
        if not (find(value, '^%d+@?%d* ') and is_utf8(value)) then return {3} end
        cut[#cut + 1] = key
      end
    end
  end
  if asked('r') then
    put('@v', next_argument())
    m.generation, m.renewed = plus(1, m.generation), number(now)
  end
  if asked('p') then
    if not m.principal then m.signed_in = revision end
    m.principal = next_argument()
    put('@p', m.principal)
  end
  if asked('P') then
    m.principal = nil
    if before and not asked('n') then cut[#cut + 1] = '@p' end
  end
  if asked('a') then m.authenticated = number(now) end
  if asked('l') then
    m.idle, m.absolute = next_argument(), next_argument()
  end
  if asked('e') then m.persistent = '1' end
  if asked('E') then m.persistent = '0' end
  if asked('b') then put('@l', next_argument()) end
  if asked('B') and there[4] and not asked('n') then cut[#cut + 1] = '@l' end
  m.over = over(m)
  put('@m', cold(m))
end
if find(flags, 't', 1, true) and now > tonumber(seen) then m.touched = number(now) end
set[2] = hot(m)

-- 4. A change that leaves no time to live ends the session.
local new_end = ends(m)
if now >= new_end then
  call('DEL', k)
  return {0}
end
-- 5. Write. HSET is first, because a full server refuses it; then nothing has been changed.
each('HSET', set)
if cut[1] then each('HDEL', cut) end
if new_end ~= old_end then expire(new_end) end
local answer = {1, revision, before and before ~= m.principal and before or ''}
-- 6. Ask for the index to be updated ten times per idle timeout, however often the session is seen.
if m.principal and math.floor(m.touched * 10 / m.idle) ~= math.floor(seen * 10 / m.idle) then
  if not m.created then read_cold(m, there[2]) end
  answer[4], answer[5], answer[6] = m.principal, m.authenticated or m.created, m.over
end
return answer
