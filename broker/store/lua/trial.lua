#!lua flags=allow-oom
-- Ask for the single trial call of an open breaker whose cooldown is over.
--
-- KEYS[1]  partition 0's prefix P: breaker:NAME
-- ARGV     name, for how long the trial is the caller's (ms), channel, cooldown (ms)
-- Returns  {1 if the caller may call else 0, state, ms until a trial may be made}
-- Invariant: at most one trial is under way; one that was never reported is forgotten after
-- its time, so that a worker's death can't keep a target shut.

--@include finish

local P, name = KEYS[1], ARGV[1]
local key = P .. 'breaker:' .. name
local now = clock()
local is = redis.call('HMGET', key, 'state', 'until')
local state, reopens = is[1] or 'closed', tonumber(is[2]) or 0
if state == 'closed' then return {1, state, '0'} end
-- Should the clock have gone back, it is not waited for until it is there again.
reopens = math.min(reopens, now + math.max(tonumber(ARGV[2]), tonumber(ARGV[4])))
if now < reopens then return {0, state, text(reopens - now)} end
redis.call('HSET', key, 'state', 'half-open', 'until', text(now + tonumber(ARGV[2])))
if state ~= 'half-open' then redis.call('HSET', key, 'changed', text(now)) end
redis.call('PUBLISH', ARGV[3], 'half-open ' .. ARGV[2] .. ' ' .. name)
return {1, 'half-open', ARGV[2]}
