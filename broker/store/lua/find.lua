#!lua flags=no-writes
-- Find the job that a request id names already, where create is refused for want of memory:
-- who comes back to a job is never refused.
--
-- KEYS[1]  the partition's prefix P: job:JK
-- ARGV     JK, digest
-- Returns  what `known` says | {"full"} (it is free)

--@include known

return known(KEYS[1], ARGV[1], ARGV[2]) or {'full'}
