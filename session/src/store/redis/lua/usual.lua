-- The usual update: cells are written if guards hold, and nothing else of the record changes.
-- In and out: as update.lua. It decides nothing by itself: whatever is not as usual is left to update.lua, which follows, and before which
-- nothing has been written.
-- Most updates are like this, and most of what a short script costs is not its commands. So this defines no functions, and looks at each
-- value once.
if ARGV[3] == '0' and ARGV[5] == '' and #ARGV < 1000 then
  local find = string.find
  local guards, writes = tonumber(ARGV[2]), tonumber(ARGV[4])
  local at = 6 + guards + writes
  local there = redis.call('HMGET', k, '@h', '@m', '@p', '@l', unpack(ARGV, 6, at - 1))
  -- `@h` of this release, with a revision that Lua counts exactly.
  local front, generation, revision, back, touched, idle, over =
    string.match(there[1] or '', '^(1 (%d+) )(%d+)( (%d+) (%d+) (%d+))$')
  local usual = front and #revision < 15 and now < touched + idle and now < tonumber(over)
    and (ARGV[1] == '' or ARGV[1] == generation)
    and find(there[2] or '', '^%d+ %d+ [%d-]+ %d+ %d+ [01]$')
    and find(there[3] or '', '^[^\128-\255]*$') and find(there[4] or '', '^[^\128-\255]*$')
  for i = 1, guards do
    local value, expected = there[4 + i], ARGV[at]
    usual = usual and (value and string.sub(value, 1, #expected + 1) or ' ') == expected .. ' '
    at = at + 1
  end
  if usual then
    local set = {}
    revision = number(revision + 1)
    for i = 1, writes do
      local value, json = there[4 + guards + i], ARGV[at]
      -- A cell that can be read is replaced by one that lives as long as the record.
      usual = usual and string.byte(json) == 32 and (not value or find(value, '^%d+@?%d* [^\128-\255]*$'))
      set[2 * i - 1], set[2 * i] = ARGV[5 + guards + i], revision .. json
      at = at + 1
    end
    if usual then
      redis.call('HSET', k, '@h', front .. revision .. back, unpack(set))
      return {1, revision, ''}
    end
  end
end
