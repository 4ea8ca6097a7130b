#!lua
-- Create a job, or find that its request id is taken. One step: record, body and queue
-- exist together or not at all. Refused by the server when memory is full (no allow-oom).
--
-- KEYS[1]  the partition's prefix P; the keys touched all begin with it:
--          job:JK body:JK stream:JK templates:JK queue due open wake fair virtual arrivals account:NAME
-- ARGV     JK, digest, account, queue timeout (ms), record ttl (ms), body, then the
--          record's further fields as name, value pairs
-- Returns  {"created"} | {"exists", state} | {"conflict"} | {"gone"}
-- Invariant: under one JK at most one record is ever written until it expires.

--@include finish
--@include enqueue

local P, jk, digest, account, body = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[6]
local job = P .. 'job:' .. jk
local known = redis.call('HMGET', job, 'state', 'digest')
if known[1] == 'deleted' then return {'gone'} end
if known[1] then
  if known[2] ~= digest then return {'conflict'} end
  return {'exists', known[1]}
end

local now = clock()
-- A stream may have been kept for longer than its record; a new job begins at 1.
redis.call('DEL', P .. 'stream:' .. jk, P .. 'templates:' .. jk)
redis.call('HSET', job, 'state', 'queued', 'token', '0', 'last', '0', 'digest', digest,
  'account', account, 'created', text(now))
for i = 7, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
redis.call('SET', P .. 'body:' .. jk, body)
local index = P .. 'account:' .. account
redis.call('ZADD', index, text(now), jk)
-- A record outlives its creation by its run and its ttl; what is older twice over is gone.
redis.call('ZREMRANGEBYSCORE', index, '-inf', text(now - 2 * tonumber(ARGV[5])))
local score, member = place(P, jk, account)
enqueue(P, jk, score, member, now, tonumber(ARGV[4]))
return {'created'}
