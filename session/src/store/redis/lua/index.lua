-- Begins every script about a principal's index: a hash from selector to a state and a time. The states are r reserved and c confirmed, which
-- are live, and y and x, the same doomed. `index.rs` explains the order of the calls.
local function state(value)
  return value and string.sub(value, 1, 1) or ''
end
local function time(value)
  return value and tonumber(string.sub(value, 2)) or 0
end
local function lives(value)
  return string.find(state(value), '[rc]')
end
-- The index lives at least this many more milliseconds.
local function keep(ttl)
  if redis.call('PTTL', k) < tonumber(ttl) then redis.call('PEXPIRE', k, ttl) end
end
local function doom(selector, value)
  local doomed = (state(value) == 'r' and 'y' or 'x') .. string.sub(value, 2)
  redis.call('HSET', k, selector, doomed)
  return doomed
end
-- Lets the rest of the script write although the server is full: Redis checks the memory limit only until a script's first write, and HDEL
-- is always allowed. This one removes nothing. Ending sessions must work on a full server (G3).
local function although_full()
  redis.call('HDEL', k, '')
end
