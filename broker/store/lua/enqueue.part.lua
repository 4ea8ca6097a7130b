-- Part, included by the scripts that put jobs into the queue.

-- A new place in the queue. Start-time fair queueing: the score is a virtual time, later
-- than the flow's last place or than the place claimed last, whichever is later. A flow is
-- an account's jobs of one priority. So an account that queues ten thousand jobs delays
-- itself, not the next account. A batch job takes eight times the virtual time of an
-- interactive one: it goes behind those that come within it, and is never starved. Equal
-- scores sort by member, which begins with a counter: by arrival.
local function place(P, jk, account, priority)
  local flow, cost = account, 1
  if priority == 'batch' then flow, cost = account .. '/batch', 8 end
  local virtual = tonumber(redis.call('GET', P .. 'virtual')) or 0
  local before = tonumber(redis.call('HGET', P .. 'fair', flow)) or 0
  local score = text(math.max(virtual, before) + cost)
  redis.call('HSET', P .. 'fair', flow, score)
  local member = string.format('%016.0f', redis.call('INCR', P .. 'arrivals')) .. jk
  redis.call('HSET', P .. 'job:' .. jk, 'score', score, 'member', member)
end

-- Put a job (back) at its place, with a time by which it must be claimed, its deadline at
-- the latest, and wake one worker.
-- Invariant: a list of wake tokens is never longer than its queue.
local function enqueue(P, jk, now, timeout)
  local is = redis.call('HMGET', P .. 'job:' .. jk, 'score', 'member', 'priority', 'deadline')
  local due = now + timeout
  if is[4] then due = math.min(due, tonumber(is[4])) end
  local queue, wake = queue_of(P, is[3])
  redis.call('ZADD', queue, is[1], is[2])
  redis.call('ZADD', P .. 'due', text(due), jk)
  redis.call('SADD', P .. 'open', jk)
  if redis.call('LLEN', wake) < redis.call('ZCARD', queue) then redis.call('LPUSH', wake, '1') end
end

-- Count a job as open, and watch it if its readers' leaving is to cancel it.
local function open(P, jk, account, grace, now)
  redis.call('HINCRBY', P .. 'busy', account, 1)
  if grace > 0 then redis.call('ZADD', P .. 'watched', text(now + grace), jk) end
end
