#!lua flags=allow-oom
-- A holder was refused: is the job another's, or has the store lost the claim? In the latter case
-- the claim is made again, under its own token, and the holder sends again what it wrote.
--
-- KEYS[1]  the partition's prefix P: job:JK stream:JK templates:JK ended:JK body:JK queue batch due
--          open leases fence era waits busy bulk watched account:NAME ...
-- ARGV     server (see era.part.lua), holder, lease (ms), JK, token, account, grace (ms) or 0,
--          body or "" where the holder has none (a large one), number of fields, then (name,
--          value) each: of the claim, and then all others of the record as it was claimed
-- Returns  1 if the job is the caller's, else 0
--
-- Why it is proof: the tokens of a job only rise, so a record with a lower one than the caller's is
-- from before the claim. Where there is no record, or one of another creation, the claim must be
-- older than the era: a running job's record does not expire.
-- Invariants: what was claimed after this claim is not touched, nor what has ended or is broken; the
-- fence is not below the token afterwards.

--@include finish
--@include enqueue

local P, holder, jk, token, account = KEYS[1], ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local job, now = P .. 'job:' .. jk, clock()
local began = era(P, now, ARGV[1])
local fields, made, digest, bytes = {}, nil, nil, 0
for i = 10, #ARGV, 2 do
  fields[#fields + 1], fields[#fields + 2] = ARGV[i], ARGV[i + 1]
  if ARGV[i] == 'created' then made = ARGV[i + 1] end
  if ARGV[i] == 'digest' then digest = ARGV[i + 1] end
  if ARGV[i] == 'bytes' then bytes = tonumber(ARGV[i + 1]) end
end
local is = fields_of(P, jk, 'state', 'token', 'created', 'digest', 'member', 'priority', 'bytes',
  'broken')
local live = is[1] == 'queued' or is[1] == 'running'
if is[8] then return 0 end
if is[1] == 'running' and is[2] == token then return 1 end
if began <= tonumber(token) then return 0 end
if is[1] and not (live and is[4] == digest and (tonumber(is[2]) or 0) < tonumber(token)) then
  return 0
end

if live then
  if is[5] and redis.call('ZREM', (queue_of(P, is[6])), is[5]) == 1 and not shrink(P) then
    redis.call('HINCRBY', P .. 'waits', flow_of(account, is[6]), -1)
  end
  redis.call('ZREM', P .. 'due', jk)
  redis.call('ZREM', P .. 'leases', lease_of(jk, is[2] or ''))
end
if not live or is[3] ~= made then -- the job itself was lost, and made again perhaps
  redis.call('DEL', job, P .. 'stream:' .. jk, P .. 'ended:' .. jk, P .. 'templates:' .. jk)
  redis.call('HSET', job, unpack(fields))
  if ARGV[8] ~= '' then redis.call('SET', P .. 'body:' .. jk, ARGV[8]) end
  local score, member = place(P, jk, account, redis.call('HGET', job, 'priority'),
    redis.call('GET', P .. 'virtual'))
  redis.call('HSET', job, 'score', score, 'member', member)
  try('ZADD', P .. 'account:' .. account, made, jk)
  if not live then
    open(P, jk, account, tonumber(ARGV[7]), now, bytes)
  elseif is[7] then -- what was counted is counted down in the end
    redis.call('HSET', job, 'bytes', is[7])
  elseif bytes > 0 then
    redis.call('HDEL', job, 'bytes')
  end
else
  redis.call('HSET', job, unpack(fields, 1, 2 * tonumber(ARGV[9])))
end
redis.call('HSET', job, 'state', 'running', 'token', token, 'holder', holder)
redis.call('SADD', P .. 'open', jk)
redis.call('ZADD', P .. 'leases', text(now + tonumber(ARGV[3])), lease_of(jk, token))
if tonumber(redis.call('GET', P .. 'fence') or 0) < tonumber(token) then
  redis.call('SET', P .. 'fence', token)
end
count(P, 'reclaimed')
return 1
