#!lua flags=allow-oom
-- Set a key if there is none: the first of several at once is everyone's. It is for what is small
-- and needed whatever memory is left: the key of tickets, the layout, the mark of a cron job.
--
-- KEYS[1]  the key
-- ARGV     value, for how long it is kept (ms) or 0 for ever
-- Returns  what is there now

local found = redis.call('GET', KEYS[1])
if found then return found end
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return ARGV[1]
