-- Begins every script about a principal's index: a sorted set of entries `<selector>:<state><time>`. All have the score 0, so they are in the
-- order of their selectors, by which one is found and a part of them is read. The states are r reserved and c confirmed, which are live,
-- and y and x, the same doomed. `index.rs` explains the order of the calls.
local function entry_of(selector)
  return redis.call('ZRANGEBYLEX', k, '[' .. selector .. ':', '(' .. selector .. ';', 'LIMIT', 0, 1)[1]
end
local function selector(entry)
  return string.match(entry, '^[^:]*')
end
local function state(entry)
  return entry and string.match(entry, ':(%a)') or ''
end
local function time(entry)
  return tonumber(entry and string.match(entry, ':%a(%d+)$') or 0)
end
local function lives(entry)
  return string.find(state(entry), '[rc]')
end
-- The index lives at least this many more milliseconds.
local function keep(ttl)
  if redis.call('PTTL', k) < tonumber(ttl) then redis.call('PEXPIRE', k, ttl) end
end
-- Writes an entry in the place of one that is there, or of none. In this order, because a set that is empty for a moment forgets when it expires.
local function put(entry, before)
  redis.call('ZADD', k, 0, entry)
  if before and before ~= entry then redis.call('ZREM', k, before) end
  return entry
end
local function with_state(new, entry)
  return (string.gsub(entry, ':%a', ':' .. new))
end
local function doom(entry)
  return put(with_state(state(entry) == 'r' and 'y' or 'x', entry), entry)
end
-- Lets the rest of the script write although the server is full: Redis checks the memory limit only until a script's first write, and ZREM
-- is always allowed. This one removes nothing. Ending sessions must work on a full server (G3).
local function although_full()
  redis.call('ZREM', k, '')
end
