#!lua flags=allow-oom
-- Take up to n jobs out of the queues, each under a new token and a fresh lease.
--
-- KEYS[1]  the partition's prefix P: queue batch due leases wake wake-batch fair virtual fence
--          beats job:* body:*
-- ARGV     holder, lease (ms), n, how many of them may be batch jobs, age (ms) of the holder's last
--          beat beyond which it is given nothing, or 0
-- Returns  the store's clock (ms), then per job {JK, token, record as a flat list, body or false}
-- Invariants: a job is claimed by one holder only (it leaves the queue here); tokens only
-- ever rise (see `draw`); a running job has a lease; the virtual time never goes back,
-- whatever old place a rescued job was at. `calling` counts the claims since the record last
-- told of an attempt: each of them may have called the provider once.

--@include finish

local P, holder, lease, n = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local room = {[P .. 'queue'] = n, [P .. 'batch'] = tonumber(ARGV[4])}
local now = clock()
local claimed = {text(now)}
local virtual = tonumber(redis.call('GET', P .. 'virtual')) or 0

-- A claim that was sent to wait for its wake may outlast its sender, who stands still or is cut
-- off: the wake it took is for others then.
local age, beat = tonumber(ARGV[5]), redis.call('ZSCORE', P .. 'beats', holder)
if age > 0 and (not beat or now - beat > age) then
  for _, priority in ipairs({'interactive', 'batch'}) do
    local queue, wake = queue_of(P, priority)
    if redis.call('LLEN', wake) < redis.call('ZCARD', queue) then redis.call('LPUSH', wake, '1') end
  end
  return claimed
end

-- The first place of a queue from which a job may still be taken.
local function head(queue)
  return room[queue] > 0 and tonumber(redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')[2]) or nil
end

local function take(jk)
  local job = P .. 'job:' .. jk
  if redis.call('HGET', job, 'state') ~= 'queued' then return end
  local token = draw(P, now)
  redis.call('HSET', job, 'state', 'running', 'token', token, 'holder', holder)
  redis.call('HSETNX', job, 'started', text(now))
  redis.call('HINCRBY', job, 'claims', 1)
  redis.call('HINCRBY', job, 'calling', 1)
  redis.call('ZADD', P .. 'leases', text(now + lease), lease_of(jk, token))
  redis.call('ZREM', P .. 'due', jk)
  claimed[#claimed + 1] = {
    jk, token, redis.call('HGETALL', job), redis.call('GET', P .. 'body:' .. jk)
  }
end

local first, second = head(P .. 'queue'), head(P .. 'batch')
while n > 0 and (first or second) do
  local queue = P .. 'queue'
  if not first or (second and second < first) then queue = P .. 'batch' end
  local popped = redis.call('ZPOPMIN', queue)
  virtual = math.max(virtual, tonumber(popped[2]))
  take(string.sub(popped[1], 17))
  n, room[queue] = n - 1, room[queue] - 1
  if queue == P .. 'queue' then first = head(queue) else second = head(queue) end
end
redis.call('SET', P .. 'virtual', text(virtual))
shrink(P)
return claimed
