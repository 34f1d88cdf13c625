-- What every script on an index begins with. A value is a state and a time: r reserved, c confirmed; x and y the same, doomed.
local function state(value)
  return value and string.sub(value, 1, 1) or ''
end
local function time(value)
  return value and tonumber(string.sub(value, 2)) or 0
end
local function lives(value)
  return string.find(state(value), '[rc]')
end
local function keep(ttl)
  if redis.call('PTTL', k) < tonumber(ttl) then redis.call('PEXPIRE', k, ttl) end
end
local function doom(selector, value)
  local doomed = (state(value) == 'r' and 'y' or 'x') .. string.sub(value, 2)
  redis.call('HSET', k, selector, doomed)
  return doomed
end
-- After a write that frees memory a script may go on writing, even if the server is full: who is full must still be able to
-- end sessions.
local function although_full()
  redis.call('HDEL', k, '')
end
