-- Writes an entry that may be missing, because a failover lost it, and keeps the index alive as long as the session.
-- In: an index's Redis key; selector, since when the session is signed in, and until when it may live, in milliseconds. Out: 1.
-- An entry that exists keeps its state, doomed or not.
if not entry_of(ARGV[1]) then put(ARGV[1] .. ':c' .. ARGV[2]) end
-- The sum is capped at 2^52, as far as Lua counts exactly: some sessions never expire.
keep(number(math.min(math.max(ARGV[3] - now, 0) + 3600000, 4503599627370496)))
return {1}
