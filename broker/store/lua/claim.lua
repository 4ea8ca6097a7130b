#!lua flags=allow-oom
-- Take up to n jobs out of the queues, each under a new token and a fresh lease.
--
-- KEYS[1]  the partition's prefix P: queue batch due leases wake wake-batch fair virtual fence
--          era waits beats job:* body:*
-- ARGV     holder, lease (ms), n, how many of them may be batch jobs, age (ms) of the holder's last
--          beat beyond which it is given nothing, or 0, server (see era.part.lua), an account's
--          share of the holder's slots or 0, its free slots, then pairs of an account and the slots
--          that it holds
-- Returns  the store's clock (ms), how many jobs were passed over for their account's share, then
--          per job {JK, token, record as a flat list, body or false}
-- Invariants: a job is claimed by one holder only (it leaves the queue here); tokens only
-- ever rise (see `draw`); a running job has a lease; the virtual time never goes back,
-- whatever old place a rescued job was at. `calling` counts the claims since the record last
-- told of an attempt: each of them may have called the provider once. A deadline is never further
-- off than the time that the job was given, wherever the clock has gone since. A damaged record is
-- left to the rescuer. For one lease from the beginning of an era no job is given that is older: its
-- holder may have to say that the store lost the claim (reclaim.lua). After that its numbers break
-- off.

--@include finish

local PASSED_OVER = 100 -- jobs that a claim looks past at most
local P, holder, lease, n = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local claimed, passed = {text(now), '0'}, 0

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

local latest = redis.call('MGET', P .. 'virtual', P .. 'fence', P .. 'era')
local began, since = era_of(P, now, ARGV[6], latest[3])
if tonumber(latest[2] or 0) < began then latest[2] = text(began) end -- drawn for it
local virtual, token = tonumber(latest[1]) or 0, latest[2]
local held_off = began > 0 and now < since + lease

-- Members and scores in turn, of the first jobs of a queue.
local function first(queue, most)
  return most > 0 and redis.call('ZRANGE', queue, 0, most - 1, 'WITHSCORES') or {}
end

local left = {} -- how many jobs of each flow leave the queue

-- An account may take one more slot of the worker while it holds fewer than so many times those
-- that are free: so some are free for whoever comes next, however many jobs one account queues.
local share, free, held = tonumber(ARGV[7]), tonumber(ARGV[8]), {}
for i = 9, #ARGV, 2 do held[ARGV[i]] = tonumber(ARGV[i + 1]) end

-- Whether the job was taken; nil if it must stay where it is for now.
local function take(jk)
  local job = P .. 'job:' .. jk
  local record, places = try('HGETALL', job) or {}, {}
  for i = 1, #record, 2 do places[record[i]] = i + 1 end
  local waits = record[places['state']] == 'queued' and not places['broken']
  local older = waits and is_older(record[places['created']], record[places['since']], began)
  if older and held_off then return nil end
  local account = record[places['account']]
  if waits and account and share > 0 then
    local mine = held[account] or 0
    if mine >= share * free then
      passed = passed + 1
      return nil
    end
    held[account], free = mine + 1, free - 1
  end
  if account then
    local flow = flow_of(account, record[places['priority']])
    left[flow] = (left[flow] or 0) + 1
  end
  if not waits then return false end
  token = next_token(token, now)
  local fields = {
    'state', 'running', 'token', token, 'holder', holder,
    'claims', text((tonumber(record[places['claims']]) or 0) + 1),
    'calling', text((tonumber(record[places['calling']]) or 0) + 1),
  }
  local allowed = tonumber(record[places['allowed']])
  if allowed and (tonumber(record[places['deadline']]) or 0) > now + allowed then
    fields[#fields + 1] = 'deadline'
    fields[#fields + 1] = text(now + allowed)
  end
  if not places['started'] then
    fields[#fields + 1] = 'started'
    fields[#fields + 1] = text(now)
  end
  if older then
    local broken = break_off(record[places['last']], record[places['breaks']], token, began)
    for _, part in ipairs(broken) do fields[#fields + 1] = part end
  end
  redis.call('HSET', job, unpack(fields))
  for i = 1, #fields, 2 do
    local place = places[fields[i]] or #record + 2
    record[place - 1], record[place] = fields[i], fields[i + 1]
  end
  redis.call('ZADD', P .. 'leases', text(now + lease), lease_of(jk, token))
  redis.call('ZREM', P .. 'due', jk)
  -- A large body is fetched by whoever works on it: its outline stands in the record.
  local body = not places['outline'] and try('GET', P .. 'body:' .. jk) or false
  claimed[#claimed + 1] = {jk, token, record, body}
  return true
end

-- The two queues as one, by score; of batch jobs no more than there is room for. Each with the
-- members that leave it, how many were looked at, and how many may be taken.
local spare = (held_off or share > 0) and PASSED_OVER or 0
local batches = math.min(n, tonumber(ARGV[4]))
local queues = {
  {P .. 'queue', first(P .. 'queue', n + spare), {}, 0, n},
  {P .. 'batch', first(P .. 'batch', batches > 0 and batches + spare or 0), {}, 0, batches},
}
while n > 0 do
  local from
  for _, each in ipairs(queues) do
    local score = each[5] > 0 and tonumber(each[2][2 * each[4] + 2])
    if score and (not from or score < tonumber(from[2][2 * from[4] + 2])) then from = each end
  end
  if not from then break end
  local at = 2 * from[4] + 1
  from[4] = from[4] + 1
  local member = from[2][at]
  if take(string.sub(member, 17)) ~= nil then
    from[3][#from[3] + 1] = member
    virtual = math.max(virtual, tonumber(from[2][at + 1]))
    from[5] = from[5] - 1
    n = n - 1
  end
end
for _, each in ipairs(queues) do
  if #each[3] > 0 then redis.call('ZREM', each[1], unpack(each[3])) end
end
if token ~= latest[2] then
  redis.call('MSET', P .. 'virtual', text(virtual), P .. 'fence', token)
end
-- Wake nobody for what is held off; the rescuer's ticks do it when that is over.
if held_off and #claimed == 2 then redis.call('DEL', P .. 'wake', P .. 'wake-batch') end
if not shrink(P) then
  for flow, jobs in pairs(left) do redis.call('HINCRBY', P .. 'waits', flow, -jobs) end
end
claimed[2] = text(passed)
return claimed
