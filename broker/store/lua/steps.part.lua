-- Part, included by the rescuer: what a step of the clock would do to the times that are stored.
--
-- Nothing but the rescuer's own last tick tells of a step, for it is kept on the same clock. All
-- times are set right in the tick that finds it, so that a step counts once:
--
--   back, by whatever   a time lies further off than it was ever given: it is brought near. Each
--                       is then at most as late as if it were given now, and never early.
--   forward             can't be told from a time in which nobody ticked. The leases and readers
--                       that live are heard of within the hold. Nobody could claim meanwhile, so
--                       that time does not count as waited in the queue. A deadline is a time of
--                       the clock that its caller was shown, and may pass.

-- Scores are changed some at a time: Lua unpacks some thousands of values at most.
local STEP = 1000

-- Set the score of each member of a sorted set, which scores from `from` to `to`, to what `find`
-- makes of the member and its score, if that is another.
local function rescore(key, from, to, find)
  local rows = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES')
  local changed = {}
  for i = 1, #rows, 2 do
    local score = find(rows[i], tonumber(rows[i + 1]))
    if score ~= tonumber(rows[i + 1]) then
      changed[#changed + 1] = text(score)
      changed[#changed + 1] = rows[i]
    end
    if #changed > 0 and (#changed == 2 * STEP or i + 1 == #rows) then
      redis.call('ZADD', key, 'XX', unpack(changed))
      changed = {}
    end
  end
end

local function stepped_back(P, now, lease, timeout)
  local function at_most(limit)
    return function(_, score) return math.min(score, limit) end
  end

  local era, at = string.match(redis.call('GET', P .. 'era') or '', '^(%x+ %d+) (%d+)$')
  if era and tonumber(at) > now then redis.call('SET', P .. 'era', era .. ' ' .. text(now)) end
  rescore(P .. 'leases', text(now + lease), '+inf', at_most(now + lease))
  rescore(P .. 'beats', text(now), '+inf', at_most(now))
  rescore(P .. 'unsettled', text(now), '+inf', at_most(now + 10000))
  rescore(P .. 'parked', text(now), '+inf', at_most(now))
  rescore(P .. 'watched', text(now), '+inf', function(jk, score)
    local grace = tonumber(fields_of(P, jk, 'grace')[1])
    return grace and math.min(score, now + grace) or score
  end)
  rescore(P .. 'due', text(now), '+inf', function(jk, score)
    local is = fields_of(P, jk, 'allowed', 'deadline')
    local allowed, deadline = tonumber(is[1]), tonumber(is[2])
    local due = math.min(score, now + timeout)
    if allowed and deadline and deadline > now + allowed then
      redis.call('HSET', P .. 'job:' .. jk, 'deadline', text(now + allowed))
      due = math.min(due, now + allowed)
    end
    return due
  end)
end

-- Nobody ticked for `gap` ms, or the clock went forward by about as much. A short gap is given
-- back only to the jobs that would time out by it, for many may be queued.
local function stood_still(P, now, gap, timeout)
  local upto = 10 * gap > timeout and '+inf' or text(now)
  rescore(P .. 'due', text(now - gap + 1), upto, function(jk, score)
    local deadline = tonumber(fields_of(P, jk, 'deadline')[1]) or math.huge
    if deadline <= now then return score end
    return math.min(score + gap, now + timeout, deadline)
  end)
end
