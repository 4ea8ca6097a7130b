#!lua flags=allow-oom
-- Count calls of one target and move its circuit breaker.
--
--     closed ──failures──▶ open ──cooldown over, one trial (trial.lua)──▶ half-open
--       ▲                    ▲                                              │
--       └── trial succeeded ─┼───────────────────────────────── trial failed┘
--
-- KEYS[1]  partition 0's prefix P: breaker:NAME, and the names by when they last counted: breakers:own
--          (the operator's), breakers:found (those that callers made up and that have answered),
--          breakers:made (those that have not)
-- ARGV     name, successes, failures, whether a trial is among them (1 or 0), window (ms),
--          least calls, failure ratio, cooldown (ms), channel, which of these the name is: own, found
--          or made, how many there may be of each of the latter, time of a trial (ms),
--          how the last of the failures was, as JSON, or nothing
-- Returns  {state, ms until a trial may be made}
-- Invariants: counts are of the current and the last half window; a state changes here and
-- in trial.lua only, and every change is published as "state ms name";
-- of too many names those go that counted nothing for longest, but never the operator's.

--@include finish

local P, name = KEYS[1], ARGV[1]
local good, bad, trial = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local cooldown = tonumber(ARGV[8])
local key = P .. 'breaker:' .. name
local now = clock()
local bucket = math.floor(now / (tonumber(ARGV[5]) / 2))
local is = redis.call('HMGET', key, 'state', 'until', 'bucket', 'good', 'bad', 'good0', 'bad0')
local state, reopens = is[1] or 'closed', tonumber(is[2]) or 0
local age = bucket - (tonumber(is[3]) or 0)
if age < -1 then age = 2 end -- the clock went back: what was counted then says nothing of now
reopens = math.min(reopens, now + math.max(cooldown, tonumber(ARGV[12])))
local new, old = {0, 0}, {0, 0}
if age <= 0 then
  new, old = {tonumber(is[4]) or 0, tonumber(is[5]) or 0}, {tonumber(is[6]) or 0, tonumber(is[7]) or 0}
elseif age == 1 then
  old = {tonumber(is[4]) or 0, tonumber(is[5]) or 0}
end
new = {new[1] + good, new[2] + bad}

local was = state
if trial and state == 'half-open' then
  if bad > 0 then
    state, reopens = 'open', now + cooldown
  elseif good == 0 then
    state, reopens = 'open', now -- it was given up, and tells nothing
  else
    state, reopens, new, old = 'closed', 0, {good, 0}, {0, 0}
  end
elseif state == 'closed' and bad > 0 then
  local failed = new[2] + old[2]
  local calls = failed + new[1] + old[1]
  if calls >= tonumber(ARGV[6]) and failed >= calls * tonumber(ARGV[7]) then
    state, reopens = 'open', now + cooldown
  end
end
redis.call('HSET', key, 'state', state, 'until', text(reopens), 'bucket', text(bucket),
  'good', new[1], 'bad', new[2], 'good0', old[1], 'bad0', old[2])
if bad > 0 and (ARGV[13] or '') ~= '' then
  redis.call('HSET', key, 'why', ARGV[13], 'why_at', text(now))
end
-- Whoever may call names targets (PROVIDER/anything): what is not called again goes away.
local kept = math.max(3600000, 2 * tonumber(ARGV[5]), 2 * cooldown)
local kind = ARGV[10]
if kind == 'made' and redis.call('ZSCORE', P .. 'breakers:found', name) then kind = 'found' end
if kind == 'found' then redis.call('ZREM', P .. 'breakers:made', name) end
local names = P .. 'breakers:' .. kind
redis.call('PEXPIRE', key, kept)
redis.call('ZADD', names, text(now), name)
redis.call('ZREMRANGEBYSCORE', names, '-inf', text(now - kept))
local over = kind == 'own' and 0 or redis.call('ZCARD', names) - tonumber(ARGV[11])
if over > 0 then
  for _, old in ipairs(redis.call('ZRANGE', names, 0, over - 1)) do
    redis.call('DEL', P .. 'breaker:' .. old)
  end
  redis.call('ZREMRANGEBYRANK', names, 0, over - 1)
end
local left = text(math.max(0, reopens - now))
if state ~= was then
  redis.call('HSET', key, 'changed', text(now))
  redis.call('PUBLISH', ARGV[9], state .. ' ' .. left .. ' ' .. name)
end
return {state, left}
