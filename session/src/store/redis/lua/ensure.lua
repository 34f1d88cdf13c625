-- In: an index's key; selector, since when, and when the index may end. Puts back an entry that was lost.
redis.call('HSETNX', k, ARGV[1], 'c' .. ARGV[2])
-- As far as Lua counts exactly: some sessions have no end.
keep(number(math.min(math.max(ARGV[3] - now, 0) + 3600000, 4503599627370496)))
return {1}
