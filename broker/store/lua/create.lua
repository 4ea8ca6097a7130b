#!lua
-- Create a job, or find that its request id is taken. One step: record, body and queue
-- exist together or not at all. Refused by the server when memory is full (no allow-oom);
-- find.lua tells what is there already then.
--
-- KEYS[1]  the partition's prefix P; the keys touched all begin with it: job:JK body:JK
--          stream:JK ended:JK templates:JK queue batch due open wake wake-batch fair virtual
--          arrivals waits busy bulk watched fence era account:NAME
-- ARGV     JK, digest, account, queue timeout (ms), record ttl (ms), body (or "u" and the name of
--          one that was uploaded, whose record has the field `outline`), priority, deadline (ms
--          from now) or 0, grace without readers (ms) or 0; what limits the account: most jobs in
--          its queue, the account's share of them, most open jobs or 0, bytes that count or 0, most
--          such bytes or 0, the time (ms) until which its seat is kept or 0; then server (see
--          era.part.lua), then the record's further fields as name, value pairs
-- Returns  {"created"} | what `known` says | {"seat-lapsed"} | {"upload-lost"} | what `refusal`
--          says
-- Invariant: under one JK at most one record is ever written until it expires. A job that was
-- made and lost, and is made again soon after, has other numbers than the lost one.

--@include finish
--@include enqueue
--@include known

local P, jk, digest, account, body = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[6]
local priority, deadline, grace = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local bytes, seat = tonumber(ARGV[13]), tonumber(ARGV[15])
local job = P .. 'job:' .. jk
local taken = known(P, jk, digest)
  or refusal(P, account, priority, tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), bytes,
    tonumber(ARGV[14]))
if taken then return taken end

local upload = string.byte(body) == 117 and P .. 'upload:' .. string.sub(body, 2)
if upload and redis.call('EXISTS', upload) == 0 then return {'upload-lost'} end

local now = clock()
if seat > 0 and now > seat then return {'seat-lapsed'} end
local due = now + tonumber(ARGV[4])
-- A stream may have been kept for longer than its record; a new job begins at 1.
redis.call('DEL', P .. 'stream:' .. jk, P .. 'ended:' .. jk, P .. 'templates:' .. jk)
local latest = redis.call('MGET', P .. 'virtual', P .. 'era')
local score, member, arrival = place(P, jk, account, priority, latest[1])
redis.call('HSET', job, 'state', 'queued', 'token', '0', 'last', '0', 'digest', digest,
  'account', account, 'created', text(now), 'score', score, 'member', member, unpack(ARGV, 17))
local began = era_of(P, now, ARGV[16], latest[2])
if began > 0 and now * 1000 - began < MADE_AGAIN then
  redis.call('HSET', job, unpack((break_off('0', nil, draw(P, now), began))))
end
if priority ~= 'interactive' then redis.call('HSET', job, 'priority', priority) end
if deadline > 0 then
  redis.call('HSET', job, 'allowed', text(deadline), 'deadline', text(now + deadline))
  due = math.min(due, now + deadline)
end
if grace > 0 then redis.call('HSET', job, 'grace', text(grace)) end
if bytes > 0 then redis.call('HSET', job, 'bytes', text(bytes)) end
if upload then
  redis.call('RENAME', upload, P .. 'body:' .. jk)
  redis.call('PERSIST', P .. 'body:' .. jk)
else
  redis.call('SET', P .. 'body:' .. jk, body)
end
local index = P .. 'account:' .. account
try('ZADD', index, text(now), jk) -- a damaged index costs listings only
-- A record outlives its creation by its run and its ttl; what is older twice over is gone. It is
-- looked for now and then: here each command is a part of the time to the first token.
if arrival % 16 == 0 then
  try('ZREMRANGEBYSCORE', index, '-inf', text(now - 2 * tonumber(ARGV[5])))
end
put(P, jk, account, priority, score, member, due)
open(P, jk, account, grace, now, bytes)
return {'created'}
