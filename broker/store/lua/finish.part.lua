-- Part, included by the scripts that end jobs. P is the partition's prefix.

--@include pack

local function text(number)
  return string.format('%.0f', number)
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A new token: higher than any before, and than any that a host crash made the store forget
-- (an append-only file may lose its last second, and the counter goes back with it; the same
-- claim would then draw the same token again, and two holders of one job hold it). So it is a
-- counter that is never behind the clock, in µs.
local function next_token(latest, now)
  return text(math.max(tonumber(latest or 0) + 1, now * 1000))
end

local function draw(P, now)
  local token = next_token(redis.call('GET', P .. 'fence'), now)
  redis.call('SET', P .. 'fence', token)
  return token
end

--@include era

-- A lease's member of the sorted set `leases`, scored by its end (ms). The token is part of it:
-- so many leases are renewed by one command, which passes over those that were given to others
-- since.
local function lease_of(jk, token)
  return jk .. ':' .. token
end

-- The queue of a priority, and the list of its wake tokens.
local function queue_of(P, priority)
  if priority == 'batch' then return P .. 'batch', P .. 'wake-batch' end
  return P .. 'queue', P .. 'wake'
end

-- After jobs left a queue: no more wake tokens than jobs; fairness starts anew without any.
local function shrink(P)
  local gone = {}
  for _, priority in ipairs({'interactive', 'batch'}) do
    local queue, wake = queue_of(P, priority)
    local here = redis.call('ZCARD', queue)
    if here == 0 then gone[#gone + 1] = wake else redis.call('LTRIM', wake, 0, here - 1) end
  end
  if #gone == 2 then gone[3] = P .. 'fair' end
  if #gone > 0 then redis.call('DEL', unpack(gone)) end
end

-- Count what happened in this partition, for ever.
local function count(P, what)
  redis.call('HINCRBY', P .. 'totals', what, 1)
end

-- Give the job, whose token is or was `token`, its final state and let go of all that only a live job needs. The body goes
-- with it, except where the job failed and delivered nothing (`retry` needs it), and where its
-- caller may ask for it again (`keep`): then it stays for as long as the stream. A job that is
-- ended from outside (not by its holder's terminal) may have an attempt that only the holder
-- can settle, by settle.lua; should the holder be dead, the rescuer gives it to a worker to be
-- estimated, for which the body is kept as well.
-- Invariant: afterwards the job is in no queue, lease or index of open jobs, and every key it
-- has expires.
local function finish(P, jk, token, state, now, stream_ttl, record_ttl, outside)
  local job = P .. 'job:' .. jk
  local was = redis.call('HMGET', job, 'delivered', 'member', 'priority', 'account', 'grace',
    'claims', 'keep', 'breaks')
  local unsettled = outside and was[6]
  redis.call('HSET', job, 'state', state, 'ended', text(now))
  redis.call('HDEL', job, 'holder', 'score', 'member')
  redis.call('ZREM', P .. 'leases', lease_of(jk, token))
  redis.call('ZREM', P .. 'due', jk)
  redis.call('SREM', P .. 'open', jk)
  if was[5] then redis.call('ZREM', P .. 'watched', jk) end
  if was[2] and redis.call('ZREM', (queue_of(P, was[3])), was[2]) == 1 then shrink(P) end
  if redis.call('HINCRBY', P .. 'busy', was[4], -1) <= 0 then
    redis.call('HDEL', P .. 'busy', was[4])
  end
  count(P, state)
  if unsettled then redis.call('ZADD', P .. 'unsettled', text(now + 5000), jk) end
  if unsettled or was[7] or (state == 'failed' and not was[1]) then
    redis.call('PEXPIRE', P .. 'body:' .. jk, stream_ttl)
  else
    redis.call('DEL', P .. 'body:' .. jk)
    redis.call('HDEL', job, 'task')
  end
  if not was[8] then pack(P, jk, stream_ttl) end -- else its numbers don't count back from the last
  redis.call('PEXPIRE', P .. 'stream:' .. jk, stream_ttl)
  redis.call('PEXPIRE', P .. 'templates:' .. jk, stream_ttl)
  redis.call('PEXPIRE', job, record_ttl)
end

-- End a job from outside: under a new token, so that its holder is fenced; the terminal
-- gets the next number, whatever that is, and readers get it in the same step. `began` is the
-- present era's beginning, or 'lost' where the holder knows that frames are: then the next
-- number may have been used, and another is taken.
local function close(P, channel, jk, state, payload, failure, now, stream_ttl, record_ttl, began)
  local job = P .. 'job:' .. jk
  local was = redis.call('HMGET', job, 'last', 'token', 'created', 'since', 'breaks')
  local last, token = was[1] or '0', draw(P, now)
  if began == 'lost' or is_older(was[3] or 0, was[4], began) then
    local fields
    fields, last = break_off(last, was[5], token, tonumber(began) or now * 1000)
    redis.call('HSET', job, unpack(fields))
  end
  last = text(tonumber(last) + 1)
  redis.call('XADD', P .. 'stream:' .. jk, last .. '-0', 'f', payload)
  redis.call('HSET', job, 'last', last, 'token', token, 'error', failure)
  finish(P, jk, was[2] or '', state, now, stream_ttl, record_ttl, began ~= 'lost')
  redis.call('PUBLISH', channel .. jk, last .. ' ' .. last .. '\n' .. payload)
end
