#!lua flags=allow-oom
-- One tick of the rescuer; any number of processes may tick.
--
-- KEYS[1]  the partition's prefix P: tick leases due queue batch open wake wake-batch waits watched
--          unsettled beats fence era busy bulk totals parked job:* account:* ...
-- ARGV     channel prefix, control channel prefix, tick (ms), lease (ms), queue timeout (ms),
--          stream ttl (ms), record ttl (ms), most jobs a tick, then payload of the terminal
--          and failure as JSON, each: queue timeout, deadline, abandonment, damage; then whether
--          the caller settles attempts (1 or 0)
-- Returns  {1 if leases were held off else 0, rescued JKs, JKs that timed out in the queue, JKs
--          past their deadline, JKs that were abandoned, mended JKs, JKs that were damaged, JKs that
--          are the caller's to settle (for ten seconds), length of the queue, of the batch queue,
--          leases, workers that beat within two leases, bytes of memory used, bytes allowed or 0,
--          the partition's totals as a flat list}
--
-- Six duties:
--   clock      times that a step of the clock has made wrong are set right (see `steps`);
--   leases     an expired lease gets a new token and its job goes back to its old place;
--   deadlines  a job not claimed in time ends `failed`;
--   watched    a job whose readers have all left for its grace ends `cancelled`, if it was
--              created so;
--   parked     a job that had to wait before it is tried again gets its place back;
--   mending    an open job that is in no queue, has no lease and is not parked gets its place back;
--              one whose keys were damaged ends `failed`.
-- Invariants: the script keeps its last tick on the store's clock. If more than two ticks
-- are missing, or the server is another one than at the last tick, or the clock went back, holders
-- and readers may not have been able to say that they live: no lease is rescued and no job is
-- abandoned until one full lease has passed. A job that is damaged holds up no other.

--@include finish
--@include enqueue
--@include steps

local P, channel, control = KEYS[1], ARGV[1], ARGV[2]
local tick, lease, timeout = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local stream_ttl, record_ttl, most = ARGV[6], ARGV[7], ARGV[8]
local now = clock()

-- What the server says of itself; empty where it does not let scripts ask.
local function info(section)
  local found = redis.pcall('INFO', section)
  return type(found) == 'string' and found or ''
end

local function expired(key)
  return ipairs(redis.call('ZRANGEBYSCORE', P .. key, '-inf', text(now), 'LIMIT', 0, most))
end

local server = string.match(info('server'), 'run_id:(%x+)') or ''
local began, since = era(P, now, server)
local new = began > 0 and now < since + lease -- then a queued job may have a holder, who is to say so
local was = redis.call('HMGET', P .. 'tick', 'last', 'until', 'server', 'scan', 'skip')
local last = tonumber(was[1])
local hold = math.min(tonumber(was[2]) or 0, now + lease)
local gap = last and now - last
local still, back = gap and gap > 3 * tick, gap and gap < -tick
if not gap or still or back or was[3] ~= server then hold = now + lease end
if back then stepped_back(P, now, lease, timeout) end
if still then stood_still(P, now, gap, timeout) end

local rescued, timed_out, late, abandoned, mended, damaged = {}, {}, {}, {}, {}, {}

-- End a job whose keys were damaged, if its record can still say so.
local function give_up(jk)
  close(P, channel, jk, 'failed', ARGV[15], ARGV[16], now, stream_ttl, record_ttl, began)
  damaged[#damaged + 1] = jk
end

if now >= hold then
  for _, member in expired('leases') do
    redis.call('ZREM', P .. 'leases', member)
    local jk, token = string.match(member, '^(.+):(%d+)$')
    local job = P .. 'job:' .. (jk or '')
    local is = fields_of(P, jk or '', 'state', 'token', 'member', 'score', 'broken')
    if is[1] == 'running' and is[2] == token and (is[5] or not (is[3] and tonumber(is[4]))) then
      give_up(jk)
    elseif is[1] == 'running' and is[2] == token then
      redis.call('HSET', job, 'state', 'queued', 'token', draw(P, now))
      redis.call('HDEL', job, 'holder')
      redis.call('HINCRBY', job, 'losses', 1)
      enqueue(P, jk, now, timeout)
      count(P, 'rescued')
      rescued[#rescued + 1] = jk
    end
  end
  for _, jk in expired('watched') do
    redis.call('ZREM', P .. 'watched', jk)
    local is = fields_of(P, jk, 'state', 'holder')
    if is[1] == 'queued' or is[1] == 'running' then
      close(P, channel, jk, 'cancelled', ARGV[13], ARGV[14], now, stream_ttl, record_ttl, began)
      if is[2] then redis.call('PUBLISH', control .. is[2], jk) end
      count(P, 'abandoned')
      abandoned[#abandoned + 1] = jk
    end
  end
end

for _, jk in expired('due') do
  local is = fields_of(P, jk, 'state', 'deadline', 'created', 'since')
  local held = new and is[1] == 'queued' and is_older(is[3], is[4], began)
  if not held then redis.call('ZREM', P .. 'due', jk) end
  if is[1] == 'queued' and not held then
    local payload, ended = 9, timed_out
    if (tonumber(is[2]) or now + 1) <= now then payload, ended = 11, late end
    close(P, channel, jk, 'failed', ARGV[payload], ARGV[payload + 1], now, stream_ttl, record_ttl,
      began)
    ended[#ended + 1] = jk
  end
end

for _, jk in expired('parked') do
  redis.call('ZREM', P .. 'parked', jk)
  if fields_of(P, jk, 'state')[1] == 'queued' then enqueue(P, jk, now, timeout) end
end

local unsettled = {}
if ARGV[17] == '1' then
  for _, jk in expired('unsettled') do
    redis.call('ZADD', P .. 'unsettled', text(now + 10000), jk)
    unsettled[#unsettled + 1] = jk
  end
end

-- What accounts have open, counted anew: a job that vanished with its record was not counted down.
local function recount(P)
  local counts = {busy = {}, bulk = {}}
  for _, jk in ipairs(redis.call('SMEMBERS', P .. 'open')) do
    local is = fields_of(P, jk, 'account', 'bytes')
    if is[1] then
      counts.busy[is[1]] = (counts.busy[is[1]] or 0) + 1
      if tonumber(is[2]) then counts.bulk[is[1]] = (counts.bulk[is[1]] or 0) + is[2] end
    end
  end
  for name, accounts in pairs(counts) do
    redis.call('DEL', P .. name)
    for account, number in pairs(accounts) do
      redis.call('HSET', P .. name, account, text(number))
    end
  end
end

-- Some ten a tick. A set of up to a hundred or so comes whole, and is then left for a while.
local page, skip = {was[4] or '0', {}}, (tonumber(was[5]) or 0) - 1
if skip < 0 then
  page = redis.call('SSCAN', P .. 'open', was[4] or '0', 'COUNT', 10)
  skip = math.floor(#page[2] / 20)
end
local strays = false
for _, jk in ipairs(page[2]) do
  local is = fields_of(P, jk, 'state', 'member', 'priority', 'token', 'score', 'broken')
  local open_still = is[1] == 'queued' or is[1] == 'running'
  if open_still and (is[6] or not (is[2] and tonumber(is[5]) and is[4])) then
    give_up(jk)
  elseif is[1] == 'queued' then
    local there = redis.call('ZSCORE', (queue_of(P, is[3])), is[2])
    if not there and not redis.call('ZSCORE', P .. 'parked', jk) then
      enqueue(P, jk, now, timeout)
      mended[#mended + 1] = jk
    end
  elseif is[1] == 'running' then
    local held = lease_of(jk, is[4])
    if not redis.call('ZSCORE', P .. 'leases', held) then
      redis.call('ZADD', P .. 'leases', text(now + lease), held)
      mended[#mended + 1] = jk
    end
  else
    redis.call('SREM', P .. 'open', jk)
    strays = true
  end
end
if strays then recount(P) end

redis.call('HSET', P .. 'tick', 'last', text(now), 'until', text(hold), 'server', server,
  'scan', page[1], 'skip', text(skip))
local memory, lengths = info('memory'), {}
for number, priority in ipairs({'interactive', 'batch'}) do
  local queue, wake = queue_of(P, priority)
  lengths[number] = redis.call('ZCARD', queue)
  if lengths[number] > 0 and redis.call('LLEN', wake) == 0 then
    redis.call('LPUSH', wake, '1') -- a token was popped by a worker that died
  end
end
return {
  now < hold and 1 or 0, rescued, timed_out, late, abandoned, mended, damaged, unsettled, lengths[1],
  lengths[2],
  redis.call('ZCARD', P .. 'leases'),
  redis.call('ZCOUNT', P .. 'beats', text(now - 2 * lease), '+inf'),
  string.match(memory, 'used_memory:(%d+)') or '0', string.match(memory, 'maxmemory:(%d+)') or '0',
  redis.call('HGETALL', P .. 'totals')
}
