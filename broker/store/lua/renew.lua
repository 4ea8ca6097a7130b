#!lua flags=allow-oom
-- Renew the leases of one worker's jobs, and note that the worker lives.
--
-- KEYS[1]  the partition's prefix P: job:* leases beats
-- ARGV     holder, lease (ms), then JK, token pairs
-- Returns  per pair 1 if the lease is the caller's and was renewed, else 0
-- Invariant: a lease is only ever renewed under the token it was given with.

--@include finish

local P, holder, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
local now = clock()
redis.call('ZADD', P .. 'beats', text(now), holder)
redis.call('ZREMRANGEBYSCORE', P .. 'beats', '-inf', text(now - 60000))
local renewed = {}
for i = 3, #ARGV, 2 do
  local is = redis.call('HMGET', P .. 'job:' .. ARGV[i], 'token', 'state')
  if is[1] == ARGV[i + 1] and is[2] == 'running' then
    redis.call('ZADD', P .. 'leases', text(now + lease), ARGV[i])
    renewed[#renewed + 1] = 1
  else
    renewed[#renewed + 1] = 0
  end
end
return renewed
