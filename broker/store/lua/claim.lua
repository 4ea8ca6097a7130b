#!lua flags=allow-oom
-- Take up to n jobs out of the queues, each under a new token and a fresh lease.
--
-- KEYS[1]  the partition's prefix P: queue batch due leases wake wake-batch fair virtual fence
--          waits beats job:* body:*
-- ARGV     holder, lease (ms), n, how many of them may be batch jobs, age (ms) of the holder's last
--          beat beyond which it is given nothing, or 0
-- Returns  the store's clock (ms), then per job {JK, token, record as a flat list, body or false}
-- Invariants: a job is claimed by one holder only (it leaves the queue here); tokens only
-- ever rise (see `draw`); a running job has a lease; the virtual time never goes back,
-- whatever old place a rescued job was at. `calling` counts the claims since the record last
-- told of an attempt: each of them may have called the provider once. A deadline is never further
-- off than the time that the job was given, wherever the clock has gone since. A damaged record is
-- left to the rescuer.

--@include finish

local P, holder, lease, n = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local claimed = {text(now)}

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

local latest = redis.call('MGET', P .. 'virtual', P .. 'fence')
local virtual, token = tonumber(latest[1]) or 0, latest[2]

-- Members and scores in turn, of the first jobs of a queue.
local function first(queue, most)
  return most > 0 and redis.call('ZRANGE', queue, 0, most - 1, 'WITHSCORES') or {}
end

local left = {}  -- how many jobs of each flow leave the queue

local function take(jk)
  local job = P .. 'job:' .. jk
  local record, places = try('HGETALL', job) or {}, {}
  for i = 1, #record, 2 do places[record[i]] = i + 1 end
  local account = record[places['account']]
  if account then
    local flow = flow_of(account, record[places['priority']])
    left[flow] = (left[flow] or 0) + 1
  end
  if record[places['state']] ~= 'queued' or places['broken'] then return end
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
end

-- The two queues as one, by score; of batch jobs no more than there is room for.
local queues = {
  {P .. 'queue', first(P .. 'queue', n), {}},
  {P .. 'batch', first(P .. 'batch', math.min(n, tonumber(ARGV[4]))), {}},
}
while n > 0 do
  local from
  for _, each in ipairs(queues) do
    local score = tonumber(each[2][2 * #each[3] + 2])
    if score and (not from or score < tonumber(from[2][2 * #from[3] + 2])) then from = each end
  end
  if not from then break end
  local at = 2 * #from[3] + 1
  local member = from[2][at]
  from[3][#from[3] + 1] = member
  virtual = math.max(virtual, tonumber(from[2][at + 1]))
  take(string.sub(member, 17))
  n = n - 1
end
for _, each in ipairs(queues) do
  if #each[3] > 0 then redis.call('ZREM', each[1], unpack(each[3])) end
end
if token ~= latest[2] then
  redis.call('MSET', P .. 'virtual', text(virtual), P .. 'fence', token)
end
if not shrink(P) then
  for flow, jobs in pairs(left) do redis.call('HINCRBY', P .. 'waits', flow, -jobs) end
end
return claimed
