-- In: a record's key; flags (s only a readable record of the principal that follows, r only one that says to be of it,
-- w leave a trace in the replication stream if nothing is there). Out: 1 deleted, with its principal; 0 not there, or not of
-- this principal; 3, 4 unreadable.
local flags, kind = ARGV[1], redis.call('TYPE', k).ok
if kind == 'none' then
  if string.find(flags, 'w') then
    -- WAIT of Redis 7.2 counts replicas that have our own last write; this connection may be new and have none.
    redis.pcall('HSET', k, '@', '')
    redis.call('DEL', k)
  end
  return {0}
end
local whose = kind == 'hash' and redis.call('HGET', k, '@p') or ''
if string.find(flags, 's') then
  if kind ~= 'hash' then return {3} end
  local _, unreadable = read(redis.call('HGETALL', k))
  if unreadable then return unreadable end
end
if string.find(flags, '[sr]') and whose ~= ARGV[2] then return {0} end
redis.call('DEL', k)
return {1, whose}
