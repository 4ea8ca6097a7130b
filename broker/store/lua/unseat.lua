#!lua flags=allow-oom
-- Give up seats that nobody has taken again since they were looked at.
--
-- KEYS[1]  the prefix P of the account's home partition: seats:NAME
-- ARGV     account, then JK, mark pairs
-- Returns  how many were given up
-- Invariant: a seat goes only under the mark that it was seen with.

local seats, gone = KEYS[1] .. 'seats:' .. ARGV[1], 0
for i = 2, #ARGV, 2 do
  if redis.call('HGET', seats, ARGV[i]) == ARGV[i + 1] then
    gone = gone + redis.call('HDEL', seats, ARGV[i])
  end
end
return gone
