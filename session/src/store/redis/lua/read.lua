-- Begins every script about a record that is there: how a hash becomes a record.

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

-- Reads the meta of a record that an update needs: the values of '@h', '@m', '@p' and '@l', false where there is none. Returns a table,
-- or nil and the reply that says why it is no record (3 damaged, 4 of a later release). What cannot be read is never overwritten (G6), so
-- every script that writes calls this first. What a later release added behind the known words is carried along.
local function read_meta(hot, cold, principal, label)
  local format, generation, revision, touched, idle, over, more =
    string.match(hot or '', '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
  format = format or string.match(hot or '', '^%d+')
  if not format then return nil, {3} end
  if tonumber(format) > 1 then return nil, {4, format} end
  if not (over and cold and string.find(cold, '^%d+ %d+ [%d-]+ %d+ %d+ [01]'))
    or more ~= '' and not is_utf8(more) or not is_utf8(cold)
    or principal and not is_utf8(principal) or label and not is_utf8(label) then
    return nil, {3}
  end
  return {
    generation = generation, revision = revision, touched = touched, idle = idle, over = over, hot = more, principal = principal or nil
  }
end

local function hot(m)
  return '1 ' .. m.generation .. ' ' .. m.revision .. ' ' .. m.touched .. ' ' .. m.idle .. ' ' .. m.over .. m.hot
end

-- Reads the rest of the meta into `m`.
local function read_cold(m, cold)
  m.created, m.renewed, m.authenticated, m.signed_in, m.absolute, m.persistent, m.cold =
    string.match(cold, '^(%d+) (%d+) ([%d-]+) (%d+) (%d+) ([01])(.*)$')
  if m.authenticated == '-' then m.authenticated = nil end
end

local function cold(m)
  return table.concat({m.created, m.renewed, m.authenticated or '-', m.signed_in, m.absolute, m.persistent}, ' ') .. m.cold
end

-- When the session is over however often it is seen; the second part of Meta::expires.
local function over(m)
  return plus(tonumber(m.authenticated or m.created), m.absolute)
end

-- When the session expires; as Meta::expires.
local function ends(m)
  return math.min(m.touched + m.idle, tonumber(m.over))
end

-- Calls `command` with many arguments. `unpack` has room for a few thousand values, and a record may have more.
local function each(command, values)
  if #values <= 1000 then return redis.call(command, k, unpack(values)) end
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
