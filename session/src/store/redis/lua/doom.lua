-- Dooms some entries; `delete_all` goes through all of them so. Reservations are doomed too, so a sign-in that is in flight ends itself when
-- it confirms.
-- In: an index's Redis key; the selector to begin after, or nothing; how many entries; a selector to spare, or nothing. Out: 1, with the
-- entries, now doomed, and the selector to go on after, or nothing.
-- Some at a time, because a server answers nobody else while a script runs.
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1] .. ';'
local some, doomed = redis.call('ZRANGEBYLEX', k, from, '+', 'LIMIT', 0, ARGV[2]), {}
although_full()
for _, entry in ipairs(some) do
  if selector(entry) ~= ARGV[3] then
    doomed[#doomed + 1] = lives(entry) and doom(entry) or entry
  end
end
return {1, doomed, #some == tonumber(ARGV[2]) and selector(some[#some]) or ''}
