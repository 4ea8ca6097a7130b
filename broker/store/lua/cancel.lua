#!lua flags=allow-oom
-- End a job as cancelled, queued or running alike. Any process may run this.
--
-- KEYS[1]  the partition's prefix P: job:JK stream:JK ended:JK templates:JK body:JK queue
--          batch due open leases fence era watched busy bulk waits totals account:NAME
-- ARGV     JK, channel prefix, control channel prefix, stream ttl (ms), record ttl (ms),
--          terminal payload, its failure as JSON, server (see era.part.lua)
-- Returns  {"missing"} | {"gone"} | {"final", state} | {"cancelled"}
-- Invariant: a final state is not touched; the holder, if any, is fenced from here on and
-- told so on its control channel.

--@include finish

local P, jk = KEYS[1], ARGV[1]
local job = P .. 'job:' .. jk
local is = redis.call('HMGET', job, 'state', 'holder')
if not is[1] then return {'missing'} end
if is[1] == 'deleted' then return {'gone'} end
if is[1] ~= 'queued' and is[1] ~= 'running' then return {'final', is[1]} end
local now = clock()
close(P, ARGV[2], jk, 'cancelled', ARGV[6], ARGV[7], now, ARGV[4], ARGV[5],
  (era(P, now, ARGV[8])))
if is[2] then redis.call('PUBLISH', ARGV[3] .. is[2], jk) end
return {'cancelled'}
