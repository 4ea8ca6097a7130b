#!lua flags=allow-oom
-- Say that jobs whose readers' leaving cancels them still have a reader.
--
-- KEYS[1]  the partition's prefix P: watched
-- ARGV     JK, grace (ms) pairs
-- Returns  nothing
-- Invariant: only a job that is watched already is touched: one that has ended is not.

--@include finish

local now = clock()
for i = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1] .. 'watched', 'XX', text(now + tonumber(ARGV[i + 1])), ARGV[i])
end
