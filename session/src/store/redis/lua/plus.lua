-- Numbers are stored as decimal text. Lua's own numbers are doubles, exact up to 2^53, so a number stays text unless it must be changed.

-- `text` + n, exact for n below 2^53, and at most 2^64 - 1, as Rust's saturating_add.
local function plus(n, text)
  if #text < 15 then return number(text + n) end
  local low = tonumber(string.sub(text, -10)) + n
  local high = (tonumber(string.sub(text, 1, -11)) or 0) + math.floor(low / 1e10)
  low = low % 1e10
  if high > 1844674407 or high == 1844674407 and low > 3709551615 then
    return '18446744073709551615'
  end
  return high == 0 and number(low) or number(high) .. string.format('%010.0f', low)
end
