-- Part, included by the scripts that put jobs into the queue.

-- A new place in the queue. Start-time fair queueing: the score is a virtual time, later
-- than the flow's last place or than the place claimed last, whichever is later. A flow is
-- an account's jobs of one priority. So an account that queues ten thousand jobs delays
-- itself, not the next account. A batch job takes eight times the virtual time of an
-- interactive one: it goes behind those that come within it, and is never starved. Equal
-- scores sort by member, which begins with a counter: by arrival. `virtual` is the value of that
-- key. The score, the member and the counter are returned; the record is to keep the first two.
local function place(P, jk, account, priority, virtual)
  local flow, cost = flow_of(account, priority), priority == 'batch' and 8 or 1
  virtual = tonumber(virtual) or 0
  local before = tonumber(redis.call('HGET', P .. 'fair', flow)) or 0
  local score = text(math.max(virtual, before) + cost)
  redis.call('HSET', P .. 'fair', flow, score)
  local arrival = redis.call('INCR', P .. 'arrivals')
  return score, string.format('%016.0f', arrival) .. jk, arrival
end

-- Put a job at a place in the queue of its priority, to be claimed until `due` (ms), and wake
-- one worker. `waits` counts the jobs of each flow that are in the queue.
-- Invariant: a list of wake tokens is never longer than its queue.
local function put(P, jk, account, priority, score, member, due)
  local queue, wake = queue_of(P, priority)
  if redis.call('ZADD', queue, score, member) == 1 then
    redis.call('HINCRBY', P .. 'waits', flow_of(account, priority), 1)
  end
  redis.call('ZADD', P .. 'due', text(due), jk)
  redis.call('SADD', P .. 'open', jk)
  local tokens = redis.call('LPUSH', wake, '1')
  if tokens > 1 and tokens > redis.call('ZCARD', queue) then redis.call('LPOP', wake) end
end

-- Put a job back at its place, with a time by which it must be claimed, its deadline at the
-- latest.
local function enqueue(P, jk, now, timeout)
  local is = redis.call('HMGET', P .. 'job:' .. jk, 'score', 'member', 'priority', 'deadline',
    'account')
  local due = now + timeout
  if is[4] then due = math.min(due, tonumber(is[4])) end
  put(P, jk, is[5], is[3], is[1], is[2], due)
end

-- Leave a job out of its queue for `wait` ms: the rescuer puts it back. What it waits there does not
-- count as waited in the queue.
local function park(P, jk, now, wait, timeout)
  local deadline = tonumber(fields_of(P, jk, 'deadline')[1]) or math.huge
  redis.call('ZADD', P .. 'parked', text(now + wait), jk)
  redis.call('ZADD', P .. 'due', text(math.min(now + wait + timeout, deadline)), jk)
end

-- Why an account may not open a job of this priority now, as a reply: {"queue-full"} |
-- {"queue-share", its jobs in the queue} | {"account-full"} | {"bytes-full"}; nil if it may.
--
-- `most` bounds the queue, with the batch jobs that are parked. Of it an account gets a share that shrinks as the queue fills: alone it
-- gets `share` of all, and however many accounts come, some room is left for the next one.
-- `bytes` is what the job adds to the request bodies of the account's open jobs, 0 if it is too
-- small to count; one job is taken however large it is. A limit of 0 is none.
local function refusal(P, account, priority, most, share, most_open, bytes, most_bytes)
  local length = redis.call('ZCARD', (queue_of(P, priority)))
  if priority == 'batch' then length = length + redis.call('ZCARD', P .. 'parked') end
  if length >= most then return {'queue-full'} end
  if share < 1 and length >= share * most then
    local mine = tonumber(redis.call('HGET', P .. 'waits', flow_of(account, priority))) or 0
    if mine > 0 and mine * (1 - share) >= share * (most - length) then
      return {'queue-share', text(mine)}
    end
  end
  if most_open > 0 and (tonumber(redis.call('HGET', P .. 'busy', account)) or 0) >= most_open then
    return {'account-full'}
  end
  if bytes > 0 and most_bytes > 0 then
    local held = tonumber(redis.call('HGET', P .. 'bulk', account)) or 0
    if held > 0 and held + bytes > most_bytes then return {'bytes-full'} end
  end
end

-- Count a job and its `bytes` as open, and watch it if its readers' leaving is to cancel it.
local function open(P, jk, account, grace, now, bytes)
  redis.call('HINCRBY', P .. 'busy', account, 1)
  if bytes > 0 then redis.call('HINCRBY', P .. 'bulk', account, text(bytes)) end
  if grace > 0 then redis.call('ZADD', P .. 'watched', text(now + grace), jk) end
end
