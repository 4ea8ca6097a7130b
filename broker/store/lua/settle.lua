#!lua flags=allow-oom
-- Record how attempts ended after their job was taken from the holder (cancelled): the holder
-- is fenced by then, so this touches nothing but the attempts' own fields and what they cost.
--
-- KEYS[1]  the partition's prefix P: job:JK
-- ARGV     JK, then name, value pairs
-- Returns  1 if recorded, 0 if the record is gone
-- Invariant: only a final record is settled this way; a live one belongs to its holder.

local job = KEYS[1] .. 'job:' .. ARGV[1]
local state = redis.call('HGET', job, 'state')
if state ~= 'cancelled' and state ~= 'failed' and state ~= 'completed' then return 0 end
for i = 2, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
return 1
