#!lua flags=allow-oom
-- Delete a job: its stream, templates and body go, a tombstone stays in the record's place
-- until the record would have expired. The job must have ended (cancel it first).
--
-- KEYS[1]  the partition's prefix P: job:JK stream:JK ended:JK templates:JK body:JK account:NAME
--          unsettled
-- ARGV     JK, record ttl (ms), used if the record had none
-- Returns  {"missing"} | {"gone"} | {"live", state} | {"deleted"}
-- Invariant: a request id that was deleted creates nothing while its tombstone stands.

local P, jk = KEYS[1], ARGV[1]
local job = P .. 'job:' .. jk
local is = redis.call('HMGET', job, 'state', 'account')
if not is[1] then return {'missing'} end
if is[1] == 'deleted' then return {'gone'} end
if is[1] == 'queued' or is[1] == 'running' then return {'live', is[1]} end
local ttl = redis.call('PTTL', job)
if ttl < 0 then ttl = ARGV[2] end
redis.call('DEL', job, P .. 'stream:' .. jk, P .. 'ended:' .. jk, P .. 'templates:' .. jk,
  P .. 'body:' .. jk)
redis.call('ZREM', P .. 'account:' .. is[2], jk)
redis.call('ZREM', P .. 'unsettled', jk)
redis.call('HSET', job, 'state', 'deleted')
redis.call('PEXPIRE', job, ttl)
return {'deleted'}
