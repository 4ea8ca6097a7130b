#!lua flags=allow-oom
-- Record how an attempt ended after its job was taken from the holder (cancelled): the
-- holder is fenced by then, so this touches nothing but the attempt's own field.
--
-- KEYS[1]  the partition's prefix P: job:JK
-- ARGV     JK, field, value
-- Returns  1 if recorded, 0 if the record is gone
-- Invariant: only a final record is settled this way; a live one belongs to its holder.

local job = KEYS[1] .. 'job:' .. ARGV[1]
local state = redis.call('HGET', job, 'state')
if state ~= 'cancelled' and state ~= 'failed' and state ~= 'completed' then return 0 end
redis.call('HSET', job, ARGV[2], ARGV[3])
return 1
