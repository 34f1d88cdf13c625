-- What every script begins with: its key, and the server's time in milliseconds.
local k = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local function number(n)
  return string.format('%.0f', n)
end
