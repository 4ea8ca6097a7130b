#!lua flags=allow-oom
-- End a job whose stream lost frames that its holder can't send again. Its terminal gets a number
-- that was never used (see era.part.lua).
--
-- KEYS[1]  the partition's prefix P: job:JK stream:JK templates:JK body:JK leases fence era ...
-- ARGV     JK, token, channel prefix, stream ttl (ms), record ttl (ms), terminal payload, its
--          failure as JSON, then name, value pairs, which are set in the record
-- Returns  1 if the job was ended, 0 if it was no longer the caller's
-- Invariant: only the holder in force may say so.

--@include finish

local P, jk = KEYS[1], ARGV[1]
local job = P .. 'job:' .. jk
local is = redis.call('HMGET', job, 'token', 'state')
if is[1] ~= ARGV[2] or is[2] ~= 'running' then return 0 end
for i = 8, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
close(P, ARGV[3], jk, 'failed', ARGV[6], ARGV[7], clock(), ARGV[4], ARGV[5], 'lost')
return 1
