#!lua flags=allow-oom
-- One tick of the rescuer; any number of processes may tick.
--
-- KEYS[1]  the partition's prefix P: tick leases due queue open wake beats fence job:* ...
-- ARGV     channel prefix, tick (ms), lease (ms), queue timeout (ms), stream ttl (ms),
--          record ttl (ms), most jobs a tick, payload of the queue deadline's terminal, its
--          failure as JSON
-- Returns  {1 if leases were held off else 0, rescued JKs, timed-out JKs, mended JKs,
--          queue length, leases, workers that beat within two leases}
--
-- Three duties:
--   leases     an expired lease gets a new token and its job goes back to its old place;
--   deadlines  a job not claimed in time ends `failed`;
--   mending    an open job that is in no queue and has no lease gets its place back.
-- Invariant: the script keeps its last tick on the store's clock. If more than two ticks
-- are missing, or the server is another one than at the last tick, holders may not have
-- been able to renew: no lease is rescued until one full lease has passed.

--@include finish
--@include enqueue

local P, channel = KEYS[1], ARGV[1]
local tick, lease, timeout = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local stream_ttl, record_ttl, most = ARGV[5], ARGV[6], ARGV[7]
local now = clock()

local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
local was = redis.call('HMGET', P .. 'tick', 'last', 'until', 'server', 'scan')
local hold = tonumber(was[2]) or 0
if not was[1] or now - was[1] > 3 * tick or was[3] ~= server then hold = now + lease end

local rescued, late, mended = {}, {}, {}
if now >= hold then
  for _, jk in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', text(now),
      'LIMIT', 0, most)) do
    local job = P .. 'job:' .. jk
    local is = redis.call('HMGET', job, 'state', 'score', 'member')
    redis.call('ZREM', P .. 'leases', jk)
    if is[1] == 'running' then
      redis.call('HSET', job, 'state', 'queued', 'token', draw(P, now))
      redis.call('HDEL', job, 'holder')
      redis.call('HINCRBY', job, 'losses', 1)
      enqueue(P, jk, is[2], is[3], now, timeout)
      rescued[#rescued + 1] = jk
    end
  end
end

for _, jk in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', text(now),
    'LIMIT', 0, most)) do
  redis.call('ZREM', P .. 'due', jk)
  if redis.call('HGET', P .. 'job:' .. jk, 'state') == 'queued' then
    close(P, channel, jk, 'failed', ARGV[8], ARGV[9], now, stream_ttl, record_ttl)
    late[#late + 1] = jk
  end
end

local page = redis.call('SSCAN', P .. 'open', was[4] or '0', 'COUNT', 10)
for _, jk in ipairs(page[2]) do
  local is = redis.call('HMGET', P .. 'job:' .. jk, 'state', 'score', 'member')
  if is[1] == 'queued' then
    if not redis.call('ZSCORE', P .. 'queue', is[3]) then
      enqueue(P, jk, is[2], is[3], now, timeout)
      mended[#mended + 1] = jk
    end
  elseif is[1] == 'running' then
    if not redis.call('ZSCORE', P .. 'leases', jk) then
      redis.call('ZADD', P .. 'leases', text(now + lease), jk)
      mended[#mended + 1] = jk
    end
  else
    redis.call('SREM', P .. 'open', jk)
  end
end

redis.call('HSET', P .. 'tick', 'last', text(now), 'until', text(hold), 'server', server,
  'scan', page[1])
local queued = redis.call('ZCARD', P .. 'queue')
if queued > 0 and redis.call('LLEN', P .. 'wake') == 0 then
  redis.call('LPUSH', P .. 'wake', '1') -- a token was popped by a worker that died
end
return {
  now < hold and 1 or 0, rescued, late, mended, queued, redis.call('ZCARD', P .. 'leases'),
  redis.call('ZCOUNT', P .. 'beats', text(now - 2 * lease), '+inf')
}
