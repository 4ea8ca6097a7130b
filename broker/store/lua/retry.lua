#!lua
-- Run a failed job again that delivered nothing. Its stream begins anew after the old
-- terminal's number, so that no number is ever used for two frames; its attempts go on.
--
-- KEYS[1]  the partition's prefix P: job:JK stream:JK templates:JK body:JK queue due open
--          wake fair virtual arrivals fence
-- ARGV     JK, queue timeout (ms), number of attempts so far
-- Returns  {"missing"} | {"gone"} | {"refused", state} | {"queued"}

--@include finish
--@include enqueue

local P, jk = KEYS[1], ARGV[1]
local job = P .. 'job:' .. jk
local is = redis.call('HMGET', job, 'state', 'delivered', 'account')
if not is[1] then return {'missing'} end
if is[1] == 'deleted' then return {'gone'} end
if is[1] ~= 'failed' or is[2] or redis.call('PERSIST', P .. 'body:' .. jk) == 0 then
  return {'refused', is[1]}
end
local now = clock()
redis.call('DEL', P .. 'stream:' .. jk, P .. 'templates:' .. jk)
redis.call('HSET', job, 'state', 'queued', 'token', draw(P, now), 'spent', ARGV[3])
redis.call('HDEL', job, 'ended', 'started', 'error', 'usage', 'losses')
redis.call('PERSIST', job)
local score, member = place(P, jk, is[3])
enqueue(P, jk, score, member, now, tonumber(ARGV[2]))
return {'queued'}
