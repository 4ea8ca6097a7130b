-- Part, included by the scripts that end jobs. P is the partition's prefix.

--@include pack

local function text(number)
  return string.format('%.0f', number)
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The reply to a command on a key of one job; nil if that key was damaged, which must not stop a
-- script that works for others as well. Whatever else refuses the command (a right that is missing)
-- is no fault of the job's, and raises.
local function try(...)
  local reply = redis.pcall(...)
  local problem = type(reply) == 'table' and reply.err
  if not problem then return reply end
  problem = tostring(problem) -- fakeredis has bytes
  if string.find(problem, 'WRONGTYPE') or string.find(problem, 'equal or smaller') then return nil end
  return redis.call(...)
end

-- Fields of a job's record; none if the key is not a record.
local function fields_of(P, jk, ...)
  return try('HMGET', P .. 'job:' .. jk, ...) or {}
end

-- Number and payload of a stream's last entry; nil if there is none, or no stream.
local function top_of(key)
  local rows = try('XREVRANGE', key, '+', '-', 'COUNT', 1)
  if rows and rows[1] then return tonumber(string.match(rows[1][1], '^%d+')), rows[1][2][2] end
end

-- Add an entry whose last number this is; false if the stream does not take it. It may be there
-- already, from a call that was refused midway.
local function add(key, last, payload)
  if try('XADD', key, last .. '-0', 'f', payload) then return true end
  local top, there = top_of(key)
  return top == tonumber(last) and there == payload
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

-- The account's jobs of one priority: what is fair, and how many wait, is counted by flow.
local function flow_of(account, priority)
  return (account or '') .. (priority == 'batch' and '/batch' or '')
end

-- After jobs left a queue: no more wake tokens than jobs; fairness and the counts of who waits
-- start anew without any. Whether there are none.
local function shrink(P)
  local gone = {}
  for _, priority in ipairs({'interactive', 'batch'}) do
    local queue, wake = queue_of(P, priority)
    local here = redis.call('ZCARD', queue)
    if here == 0 then gone[#gone + 1] = wake else redis.call('LTRIM', wake, 0, here - 1) end
  end
  local empty = #gone == 2
  if empty then gone[3], gone[4] = P .. 'fair', P .. 'waits' end
  if #gone > 0 then redis.call('DEL', unpack(gone)) end
  return empty
end

-- Count what happened in this partition, for ever.
local function count(P, what)
  redis.call('HINCRBY', P .. 'totals', what, 1)
end

-- Give the job, whose token is or was `token`, its final state and let go of all that only a
-- live job needs. The body goes with it, except where the job failed and delivered nothing (`retry` needs it), and where its
-- caller may ask for it again (`keep`): then it stays for as long as the stream. A job that is
-- ended from outside (not by its holder's terminal) may have an attempt that only the holder
-- can settle, by settle.lua; should the holder be dead, the rescuer gives it to a worker to be
-- estimated, for which the body is kept as well.
-- Invariant: afterwards the job is in no queue, lease or index of open jobs, and every key it
-- has expires.
local function finish(P, jk, token, state, now, stream_ttl, record_ttl, outside)
  local job = P .. 'job:' .. jk
  local was = redis.call('HMGET', job, 'delivered', 'member', 'priority', 'account', 'grace',
    'claims', 'keep', 'bytes', 'breaks')
  local unsettled = outside and was[6]
  redis.call('HSET', job, 'state', state, 'ended', text(now))
  redis.call('HDEL', job, 'holder', 'score', 'member')
  redis.call('ZREM', P .. 'leases', lease_of(jk, token))
  redis.call('ZREM', P .. 'due', jk)
  redis.call('SREM', P .. 'open', jk)
  if was[5] then redis.call('ZREM', P .. 'watched', jk) end
  local account = was[4] or ''
  if was[2] and redis.call('ZREM', (queue_of(P, was[3])), was[2]) == 1 and not shrink(P) then
    redis.call('HINCRBY', P .. 'waits', flow_of(account, was[3]), -1)
  end
  local idle = redis.call('HINCRBY', P .. 'busy', account, -1) <= 0
  if idle then redis.call('HDEL', P .. 'busy', account) end
  -- An older release's workers count no bytes down: with its last job an account has none.
  local bytes = tonumber(was[8])
  if bytes and (redis.call('HINCRBY', P .. 'bulk', account, text(-bytes)) <= 0 or idle) then
    redis.call('HDEL', P .. 'bulk', account)
  end
  count(P, state)
  if unsettled then redis.call('ZADD', P .. 'unsettled', text(now + 5000), jk) end
  if unsettled or was[7] or (state == 'failed' and not was[1]) then
    redis.call('PEXPIRE', P .. 'body:' .. jk, stream_ttl)
  else
    redis.call('DEL', P .. 'body:' .. jk)
    redis.call('HDEL', job, 'task')
  end
  -- A stream with breaks is not packed, for its numbers don't count back from the last; and one that
  -- was written to by hand may stay as it is.
  if not was[9] then pcall(pack, P, jk, stream_ttl) end
  redis.call('PEXPIRE', P .. 'stream:' .. jk, stream_ttl)
  redis.call('PEXPIRE', P .. 'templates:' .. jk, stream_ttl)
  redis.call('PEXPIRE', job, record_ttl)
  -- The index of an account that makes no more calls goes away behind its last record.
  redis.call('PEXPIRE', P .. 'account:' .. account, text(2 * record_ttl + 86400000))
end

-- End a job from outside: under a new token, so that its holder is fenced; the terminal
-- gets the next number, whatever that is, and readers get it in the same step: first, so that
-- nothing has happened where it is refused. `began` is the present era's beginning, or 'lost' where
-- the holder knows that frames are: then the next number may have been used, and another is taken.
local function close(P, channel, jk, state, payload, failure, now, stream_ttl, record_ttl, began)
  local job, stream = P .. 'job:' .. jk, P .. 'stream:' .. jk
  local was = redis.call('HMGET', job, 'last', 'token', 'created', 'since', 'breaks')
  local last, token = text(tonumber(was[1]) or 0), draw(P, now)
  if began == 'lost' or is_older(was[3], was[4], began) then
    local fields
    fields, last = break_off(last, was[5], token, tonumber(began) or now * 1000)
    redis.call('HSET', job, unpack(fields))
  end
  last = text(tonumber(last) + 1)
  redis.call('PUBLISH', channel .. jk, last .. ' ' .. last .. '\n' .. payload)
  if not add(stream, last, payload) then -- the end counts, whatever the stream is
    local top = top_of(stream)
    if top then last = text(top + 1) else redis.call('DEL', stream) end
    redis.call('XADD', stream, last .. '-0', 'f', payload)
    if top then redis.call('PUBLISH', channel .. jk, last .. ' ' .. last .. '\n' .. payload) end
  end
  redis.call('HSET', job, 'last', last, 'token', token, 'error', failure)
  finish(P, jk, was[2] or '', state, now, stream_ttl, record_ttl, began ~= 'lost')
end
