#!lua flags=allow-oom
-- End the wait of a worker's ear: it drains, and a full store must not keep it from that.
--
-- KEYS[1]  the partition's prefix P: recall:HOLDER
-- ARGV     holder, for how long the recall is kept (ms) if nobody hears it
-- Returns  nothing

local recall = KEYS[1] .. 'recall:' .. ARGV[1]
redis.call('LPUSH', recall, '1')
redis.call('PEXPIRE', recall, ARGV[2])
