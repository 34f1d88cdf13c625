-- Begins every script: its Redis key, and the server's time in milliseconds. Time is the store's, so nodes with different clocks agree.
local k = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local function number(n)
  return string.format('%.0f', n)
end
