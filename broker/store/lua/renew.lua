#!lua flags=allow-oom
-- Renew the leases of one worker's jobs, and note that the worker takes further ones.
--
-- KEYS[1]  the partition's prefix P: leases beats
-- ARGV     holder, or nothing where a thread stands in for a loop that is busy: such a worker
--          keeps what it has and is given no more (see claim.lua); lease (ms), then JK, token pairs
-- Returns  per pair 1 if the lease is the caller's and was renewed, else 0
-- Invariant: a lease is only ever renewed under the token it was given with: an ended, rescued,
-- cancelled or handed-back job has none under that token.

--@include finish

local P, holder = KEYS[1], ARGV[1]
local now = clock()
if holder ~= '' then redis.call('ZADD', P .. 'beats', text(now), holder) end
redis.call('ZREMRANGEBYSCORE', P .. 'beats', '-inf', text(now - 60000))

-- All in a few commands: with thousands of streams that say little, renewals are what costs most.
local STEP = 1000  -- leases a command; Lua unpacks some thousands of values at most
local expiry, verdicts = text(now + tonumber(ARGV[2])), {}
for from = 3, #ARGV, 2 * STEP do
  local held, renewed = {}, {}
  for i = from, math.min(from + 2 * STEP, #ARGV) - 1, 2 do
    held[#held + 1] = lease_of(ARGV[i], ARGV[i + 1])
    renewed[#renewed + 1] = expiry
    renewed[#renewed + 1] = held[#held]
  end
  local were = redis.call('ZMSCORE', P .. 'leases', unpack(held))
  redis.call('ZADD', P .. 'leases', 'XX', unpack(renewed))
  for _, was in ipairs(were) do
    verdicts[#verdicts + 1] = was and 1 or 0
  end
end
return verdicts
