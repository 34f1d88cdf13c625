-- In: an index's key; selector, since when, and when the index may end. Puts back an entry that was lost.
redis.call('HSETNX', k, ARGV[1], 'c' .. ARGV[2])
keep(number(math.max(ARGV[3] - now, 0) + 3600000))
return {1}
