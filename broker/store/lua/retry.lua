#!lua
-- Run a failed job again that delivered nothing. Its stream begins anew after the old
-- terminal's number, so that no number is ever used for two frames; its attempts go on.
--
-- KEYS[1]  the partition's prefix P: job:JK stream:JK ended:JK templates:JK body:JK queue
--          batch due open wake wake-batch fair virtual arrivals fence waits busy bulk watched
--          unsettled account:NAME
-- ARGV     JK, queue timeout (ms), number of attempts so far, most jobs in its queue, the account's
--          share of them, most open jobs of the account or 0, most bytes of their bodies or 0, the
--          time (ms) until which its seat is kept or 0
-- Returns  {"missing"} | {"gone"} | {"refused", state} | {"queued"} | {"seat-lapsed"} | what
--          `refusal` says

--@include finish
--@include enqueue

local P, jk = KEYS[1], ARGV[1]
local job = P .. 'job:' .. jk
local is = redis.call('HMGET', job, 'state', 'delivered', 'account', 'priority', 'allowed', 'grace',
  'bytes')
if not is[1] then return {'missing'} end
if is[1] == 'deleted' then return {'gone'} end
if is[1] ~= 'failed' or is[2] or redis.call('EXISTS', P .. 'body:' .. jk) == 0 then
  return {'refused', is[1]}
end
local now, bytes, seat = clock(), tonumber(is[7]) or 0, tonumber(ARGV[8])
local full = refusal(P, is[3], is[4], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), bytes,
  tonumber(ARGV[7]))
if full then return full end
if seat > 0 and now > seat then return {'seat-lapsed'} end
redis.call('PERSIST', P .. 'body:' .. jk)
redis.call('DEL', P .. 'stream:' .. jk, P .. 'ended:' .. jk, P .. 'templates:' .. jk)
redis.call('HSET', job, 'state', 'queued', 'token', draw(P, now), 'spent', ARGV[3])
redis.call('HDEL', job, 'ended', 'started', 'error', 'usage', 'losses', 'declined', 'again')
redis.call('PERSIST', job)
redis.call('ZREM', P .. 'unsettled', jk)
if is[5] then redis.call('HSET', job, 'deadline', text(now + tonumber(is[5]))) end
local score, member = place(P, jk, is[3], is[4], redis.call('GET', P .. 'virtual'))
redis.call('HSET', job, 'score', score, 'member', member)
enqueue(P, jk, now, tonumber(ARGV[2]))
open(P, jk, is[3], tonumber(is[6]) or 0, now, bytes)
return {'queued'}
