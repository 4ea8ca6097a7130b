-- Part, included by the scripts that put jobs into the queue.

-- A new place in the queue. Start-time fair queueing: the score is a virtual time, one
-- more than the account's last place or than the place claimed last, whichever is later.
-- So an account that queues ten thousand jobs delays itself, not the next account. Equal
-- scores sort by member, which begins with a counter: by arrival.
local function place(P, jk, account)
  local virtual = tonumber(redis.call('GET', P .. 'virtual')) or 0
  local before = tonumber(redis.call('HGET', P .. 'fair', account)) or 0
  local score = math.max(virtual, before) + 1
  redis.call('HSET', P .. 'fair', account, text(score))
  local member = string.format('%016.0f', redis.call('INCR', P .. 'arrivals')) .. jk
  redis.call('HSET', P .. 'job:' .. jk, 'score', text(score), 'member', member)
  return score, member
end

-- Put a job (back) at its place, with a deadline for being claimed, and wake one worker.
-- Invariant: the list of wake tokens is never longer than the queue.
local function enqueue(P, jk, score, member, now, timeout)
  redis.call('ZADD', P .. 'queue', score, member)
  redis.call('ZADD', P .. 'due', text(now + timeout), jk)
  redis.call('SADD', P .. 'open', jk)
  if redis.call('LLEN', P .. 'wake') < redis.call('ZCARD', P .. 'queue') then
    redis.call('LPUSH', P .. 'wake', '1')
  end
end
