-- Part, included by the scripts that put jobs into the queue.

-- A new place in the queue. Start-time fair queueing: the score is a virtual time, later
-- than the flow's last place or than the place claimed last, whichever is later. A flow is
-- an account's jobs of one priority. So an account that queues ten thousand jobs delays
-- itself, not the next account. A batch job takes eight times the virtual time of an
-- interactive one: it goes behind those that come within it, and is never starved. Equal
-- scores sort by member, which begins with a counter: by arrival. The score, the member and the
-- counter are returned; the record is to keep the first two.
local function place(P, jk, account, priority)
  local flow, cost = account, 1
  if priority == 'batch' then flow, cost = account .. '/batch', 8 end
  local virtual = tonumber(redis.call('GET', P .. 'virtual')) or 0
  local before = tonumber(redis.call('HGET', P .. 'fair', flow)) or 0
  local score = text(math.max(virtual, before) + cost)
  redis.call('HSET', P .. 'fair', flow, score)
  local arrival = redis.call('INCR', P .. 'arrivals')
  return score, string.format('%016.0f', arrival) .. jk, arrival
end

-- Put a job at a place in the queue of its priority, to be claimed until `due` (ms), and wake
-- one worker.
-- Invariant: a list of wake tokens is never longer than its queue.
local function put(P, jk, priority, score, member, due)
  local queue, wake = queue_of(P, priority)
  redis.call('ZADD', queue, score, member)
  redis.call('ZADD', P .. 'due', text(due), jk)
  redis.call('SADD', P .. 'open', jk)
  local tokens = redis.call('LPUSH', wake, '1')
  if tokens > 1 and tokens > redis.call('ZCARD', queue) then redis.call('LPOP', wake) end
end

-- Put a job back at its place, with a time by which it must be claimed, its deadline at the
-- latest.
local function enqueue(P, jk, now, timeout)
  local is = redis.call('HMGET', P .. 'job:' .. jk, 'score', 'member', 'priority', 'deadline')
  local due = now + timeout
  if is[4] then due = math.min(due, tonumber(is[4])) end
  put(P, jk, is[3], is[1], is[2], due)
end

-- Count a job as open, and watch it if its readers' leaving is to cancel it.
local function open(P, jk, account, grace, now)
  redis.call('HINCRBY', P .. 'busy', account, 1)
  if grace > 0 then redis.call('ZADD', P .. 'watched', text(now + grace), jk) end
end
