-- Deletes a record.
-- In: a record's Redis key; flags: s only a readable record of the principal that follows, r only a record that names the principal that
-- follows, readable or not, w leave a trace in the replication stream even if there is nothing to delete.
-- Out: 1 deleted, with the principal that the record had; 0 nothing to delete, or of another principal; 3 damaged; 4 of a later release.
local flags, kind = ARGV[1], redis.call('TYPE', k).ok
if kind == 'none' then
  if string.find(flags, 'w') then
    -- WAIT counts the replicas that have the last write of this connection (since Redis 7.2). The connection may be new and have written
    -- nothing, and then WAIT would report success at once, although a replica still has the record that another connection deleted.
    redis.pcall('HSET', k, '@', '')
    redis.call('DEL', k)
  end
  return {0}
end
local before = kind == 'hash' and redis.call('HGET', k, '@p') or ''
-- With a condition, what cannot be read is an error: it may belong to this principal. Without one, it is deleted (a purge always works).
if string.find(flags, 's') then
  if kind ~= 'hash' then return {3} end
  local all, m = redis.call('HGETALL', k), {}
  for i = 1, #all, 2 do
    local field, value = all[i], all[i + 1]
    if string.byte(field) ~= 64 and not string.find(value, '^%d+@?%d* ') then return {3} end
    m[field] = value
  end
  local _, unreadable = read_meta(m['@h'], m['@m'], m['@p'], m['@l'])
  if unreadable then return unreadable end
end
if string.find(flags, '[sr]') and before ~= ARGV[2] then return {0} end
redis.call('DEL', k)
return {1, before}
