#!lua flags=allow-oom
-- Find the call that this one, which has no key, is made again of; or enter it as one of its own.
--
-- KEYS[1]  the prefix P of the digest's home partition: join:DK readers awake tick
-- ARGV     DK, JK, request id, holder (this process), mark of its reader, seconds asked (ms), when
--          the call asked first or 0 (ms of the store's clock), settling time, lapse, lapse without
--          a connection, longest wait, tick (all ms), prefix of the channels on which processes are
--          asked for a beat, most entries of one DK
-- Returns  {"own"} | {"joined", request id} | {"wait", when it asked first, how many entries there
--          are}
-- Invariants: a reader that is lost gives its job to one call; a reader that is held gives it to
-- none; nobody is entered while it is not known which of both a reader is, for the longest wait at
-- most.
--
-- A reader is lost if its process said so, or was not heard of for the lapse. A connection that is
-- gone (the process subscribes to its channel: nobody is there to be asked) makes that shorter: but
-- a connection may come back, and the process's beats come over another. It is held if its process's
-- loop was heard after the settling time: a cut may still be on its way when the call that follows
-- it is here.

--@include finish
--@include joins

local P, dk, jk, request_id, me, mark = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local asked, first = tonumber(ARGV[6]), tonumber(ARGV[7])
local settling, lapse, unconnected = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local longest, tick, channel = tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13]
local key, now = P .. 'join:' .. dk, clock()
if first == 0 or first > now then first = now end
local waited = now - first

local function take(is)
  is.mark, is.since, is.left, is.holder = mark, now, 0, me
  set_entry(key, is.jk, is)
  keep(key, math.max(asked, is.asked))
  beat(P, me, now, true)
end

local rows = try('HGETALL', key)
if not rows then -- it was damaged
  redis.call('DEL', key)
  rows = {}
end
local off, heard = held_off(P, now, tick), {}

-- What is known of the process of a reader.
local function seen(holder)
  local found = heard[holder]
  if found then return found end
  found = {listens = true}
  if holder ~= me then found.listens = redis.call('PUBLISH', channel .. holder, '') > 0 end
  found.last = tonumber(redis.call('ZSCORE', P .. 'readers', holder)) or 0
  found.awake = holder == me and now or tonumber(redis.call('ZSCORE', P .. 'awake', holder)) or 0
  heard[holder] = found
  return found
end

local oldest, doubted
for i = 1, #rows, 2 do
  local is = entry_of(rows[i + 1])
  if not is then
    redis.call('HDEL', key, rows[i])
  else
    is.jk = rows[i]
    if is.jk == jk then -- the very call, sent again by a proxy
      take(is)
      return {'own'}
    end
    local lost = is.left > 0 and is.left
    if not lost then
      local of = seen(is.holder)
      local last = math.max(of.last, is.since)
      local silent = is.holder == me and 0 or math.abs(now - last)
      if not off and silent > (of.listens and lapse or unconnected) then
        lost = last
      elseif of.awake < first + settling or waited < settling then
        doubted = true
      end
    end
    if lost and math.abs(now - lost) > is.asked then
      redis.call('HDEL', key, is.jk)
    elseif lost and math.abs(now - lost) <= asked and (not oldest or is.created < oldest.created
        or (is.created == oldest.created and is.jk < oldest.jk)) then
      oldest = is
    end
  end
end
if oldest then
  take(oldest)
  return {'joined', oldest.request_id}
end
if doubted and (off or waited < longest) then return {'wait', text(first), text(#rows / 2)} end

for _, beats in ipairs({'readers', 'awake'}) do
  redis.call('ZREMRANGEBYSCORE', P .. beats, '-inf', text(now - FORGOTTEN))
end
if redis.call('HLEN', key) >= tonumber(ARGV[14]) then return {'own'} end
set_entry(key, jk, {
  created = now, mark = mark, since = now, left = 0, asked = asked, holder = me,
  request_id = request_id,
})
keep(key, asked)
beat(P, me, now, true)
return {'own'}
