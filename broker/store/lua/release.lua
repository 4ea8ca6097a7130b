#!lua flags=allow-oom
-- Hand jobs back at once, without waiting for their leases: the holder drains, or can't run them
-- now.
--
-- KEYS[1]  the partition's prefix P: job:* queue batch due open wake wake-batch waits leases fence
--          beats parked
-- ARGV     holder, queue timeout (ms), whether the holder leaves for good (1 or 0), then per
--          job: JK, token, time (ms) after which it is queued again or 0, number of fields, (name,
--          value) each, which are set in the record
-- Returns  per job 1 if it was handed back, else 0 (it was no longer the caller's)
-- Invariants: a handed-back job has a new token, so that nothing its old holder still sends
-- is taken, and its old place in the queue, which is at the front. One that has to wait is queued
-- again by the rescuer; it is `queued` meanwhile, in no queue, but in the set `parked`.

--@include finish
--@include enqueue

local P, holder, timeout = KEYS[1], ARGV[1], tonumber(ARGV[2])
local now = clock()
if ARGV[3] == '1' then redis.call('ZREM', P .. 'beats', holder) end
local released = {}
local i = 4
while i <= #ARGV do
  local jk, token, wait, fields = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), i + 4
  i = fields + 2 * tonumber(ARGV[i + 3])
  local job = P .. 'job:' .. jk
  local is = fields_of(P, jk, 'token', 'state', 'member', 'score')
  if is[1] == token and is[2] == 'running' and is[3] and tonumber(is[4]) then
    redis.call('HSET', job, 'state', 'queued', 'token', draw(P, now))
    for f = fields, i - 1, 2 do
      redis.call('HSET', job, ARGV[f], ARGV[f + 1])
    end
    redis.call('HDEL', job, 'holder')
    redis.call('ZREM', P .. 'leases', lease_of(jk, token))
    if wait > 0 then park(P, jk, now, wait, timeout) else enqueue(P, jk, now, timeout) end
    released[#released + 1] = 1
  else
    released[#released + 1] = 0
  end
end
return released
