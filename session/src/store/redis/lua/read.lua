-- Begins every script about a record: how a hash becomes a record. Numbers are stored as decimal text. Lua's own numbers are doubles,
-- exact up to 2^53, so a number stays text unless it must be changed.

-- `text` + n, exact for n below 2^53, and at most 2^64 - 1, as Rust's saturating_add.
local function plus(n, text)
  local low = tonumber(string.sub(text, -10)) + n
  local high = (tonumber(string.sub(text, 1, -11)) or 0) + math.floor(low / 1e10)
  low = low % 1e10
  if high > 1844674407 or high == 1844674407 and low > 3709551615 then
    return '18446744073709551615'
  end
  return high == 0 and number(low) or number(high) .. string.format('%010.0f', low)
end

local function is_utf8(s)
  if not string.find(s, '[\128-\255]') then return true end
  s = string.gsub(s, '[\194-\223][\128-\191]', '.')
  s = string.gsub(s, '\224[\160-\191][\128-\191]', '.')
  s = string.gsub(s, '\237[\128-\159][\128-\191]', '.')
  s = string.gsub(s, '[\225-\236\238\239][\128-\191][\128-\191]', '.')
  s = string.gsub(s, '\240[\144-\191][\128-\191][\128-\191]', '.')
  s = string.gsub(s, '[\241-\243][\128-\191][\128-\191][\128-\191]', '.')
  s = string.gsub(s, '\244[\128-\143][\128-\191][\128-\191]', '.')
  return not string.find(s, '[\128-\255]')
end

-- Turns fields and values, in turn as HGETALL returns them, into a table; or returns nil and the reply that says why they are no record
-- (3 damaged, 4 of a later release). What cannot be read is never overwritten (G6), so every script that writes calls this first.
-- Only the head of each cell is checked: this runs with every update, and loading the record checks the rest.
local function read(all)
  local m, cells = {}, true
  local byte, find = string.byte, string.find
  for i = 1, #all, 2 do
    local field, value = all[i], all[i + 1]
    cells = cells and (byte(field) == 64 or find(value, '^%d+@?%d* '))
    m[field] = value
  end
  local format = m['@f'] or ''
  if not find(format, '^%d+$') then return nil, {3} end
  if tonumber(format) > 1 then return nil, {4, format} end
  local numbers = table.concat({
    m['@g'] or '', m['@r'] or '', m['@c'] or '', m['@t'] or '', m['@n'] or '', m['@s'] or '', m['@i'] or '', m['@m'] or '',
    m['@a'] or '0'
  }, ' ')
  local sure = find(numbers, '^%d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+$')
    and #(m['@v'] or '') == 43
    and is_utf8(m['@p'] or '') and is_utf8(m['@l'] or '')
  if not (cells and sure) then return nil, {3} end
  return m
end

-- When the session expires; as Meta::expires.
local function ends(m)
  return math.min(m['@t'] + m['@i'], (m['@a'] or m['@c']) + m['@m'])
end

-- Calls `command` with many arguments. `unpack` has room for a few thousand values, and a record may have more.
local function each(command, values)
  for i = 1, #values, 1000 do
    redis.call(command, k, unpack(values, i, math.min(i + 999, #values)))
  end
end

local function expire(at)
  redis.call('PEXPIREAT', k, number(math.min(at, 9007199254740991)))
end

-- The text of a cell, from its revision and '[<time to live>] <json>'.
local function cell(revision, value)
  local at = string.find(value, ' ', 1, true)
  if at == 1 then return revision .. value end
  return revision .. '@' .. plus(now, string.sub(value, 1, at - 1)) .. string.sub(value, at)
end
