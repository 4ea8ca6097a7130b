#!lua flags=allow-oom
-- Mark a job whose record a worker could not read as broken: the rescuer ends it, and nobody else
-- is given it.
--
-- KEYS[1]  the partition's prefix P: job:JK
-- ARGV     JK
-- Returns  1 if it was marked, else 0

local job = KEYS[1] .. 'job:' .. ARGV[1]
if redis.call('HEXISTS', job, 'state') == 0 then return 0 end
redis.call('HSET', job, 'broken', '1')
return 1
