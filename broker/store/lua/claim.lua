#!lua flags=allow-oom
-- Take up to n jobs out of the queue, each under a new token and a fresh lease.
--
-- KEYS[1]  the partition's prefix P: queue due leases wake fair virtual fence job:* body:*
-- ARGV     holder, lease (ms), n
-- Returns  per job {JK, token, record as a flat list, body or false}
-- Invariants: a job is claimed by one holder only (it leaves the queue here); tokens only
-- ever rise (see `draw`); a running job has a lease; the virtual time never goes back,
-- whatever old place a rescued job was at.

--@include finish

local P, holder, lease, n = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local claimed = {}
local virtual = tonumber(redis.call('GET', P .. 'virtual')) or 0
local popped = redis.call('ZPOPMIN', P .. 'queue', n)
for i = 1, #popped, 2 do
  local jk = string.sub(popped[i], 17)
  local job = P .. 'job:' .. jk
  virtual = math.max(virtual, tonumber(popped[i + 1]))
  if redis.call('HGET', job, 'state') == 'queued' then
    local token = draw(P, now)
    redis.call('HSET', job, 'state', 'running', 'token', token, 'holder', holder)
    redis.call('HSETNX', job, 'started', text(now))
    redis.call('HINCRBY', job, 'claims', 1)
    redis.call('ZADD', P .. 'leases', text(now + lease), jk)
    redis.call('ZREM', P .. 'due', jk)
    claimed[#claimed + 1] = {
      jk, token, redis.call('HGETALL', job), redis.call('GET', P .. 'body:' .. jk)
    }
  end
end
redis.call('SET', P .. 'virtual', text(virtual))
shrink(P)
return claimed
