#!lua flags=allow-oom
-- Find the call that this one, which has no key, is made again of; or enter it as one of its own.
--
-- KEYS[1]  the prefix P of the digest's home partition: join:DK readers awake tick
-- ARGV     DK, JK, request id, holder (this process), mark of its reader, seconds asked (ms), when
--          the call asked first or 0 (ms of the store's clock), settling time, lapse, lapse without
--          a connection, longest wait, tick (all ms), prefix of the channels on which processes are
--          asked for a beat
-- Returns  {"own"} | {"joined", request id} | {"wait", when it asked first}
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

local rows, entries, mine = try('HGETALL', key), {}, nil
if not rows then -- it was damaged
  redis.call('DEL', key)
  rows = {}
end
for i = 1, #rows, 2 do
  local is = entry_of(rows[i + 1])
  if is then
    is.jk = rows[i]
    if is.jk == jk then mine = is end
    entries[#entries + 1] = is
  else
    redis.call('HDEL', key, rows[i])
  end
end
table.sort(entries, function(a, b)
  if a.created ~= b.created then return a.created < b.created end
  return a.jk < b.jk
end)

local function take(is)
  is.mark, is.since, is.left, is.holder = mark, now, 0, me
  set_entry(key, is.jk, is)
  keep(key, math.max(asked, is.asked))
  beat(P, me, now, true)
end

if mine then -- the very call, sent again by a proxy
  take(mine)
  return {'own'}
end

local off, heard, doubted = held_off(P, now, tick), {}, false

-- When the process of a reader was heard last if it is gone, else nil; and whether it is there.
local function seen(holder)
  if heard[holder] then return heard[holder] end
  local found = {listens = true}
  if holder ~= me then found.listens = redis.call('PUBLISH', channel .. holder, '') > 0 end
  found.last = tonumber(redis.call('ZSCORE', P .. 'readers', holder))
  found.awake = holder == me and now or tonumber(redis.call('ZSCORE', P .. 'awake', holder)) or 0
  heard[holder] = found
  return found
end

for _, is in ipairs(entries) do
  local lost = is.left > 0 and is.left
  if not lost then
    local of = seen(is.holder)
    local last = math.max(of.last or is.since, is.since)
    local silent = is.holder == me and 0 or math.abs(now - last)
    if not off and silent > (of.listens and lapse or unconnected) then
      lost = last
    elseif of.awake < first + settling or waited < settling then
      doubted = true
    end
  end
  if lost and math.abs(now - lost) > is.asked then
    redis.call('HDEL', key, is.jk)
  elseif lost and math.abs(now - lost) <= asked then
    take(is)
    return {'joined', is.request_id}
  end
end
if doubted and (off or waited < longest) then return {'wait', text(first)} end

set_entry(key, jk, {
  created = now, mark = mark, since = now, left = 0, asked = asked, holder = me,
  request_id = request_id,
})
keep(key, asked)
beat(P, me, now, true)
for _, beats in ipairs({'readers', 'awake'}) do
  redis.call('ZREMRANGEBYSCORE', P .. beats, '-inf', text(now - FORGOTTEN))
end
return {'own'}
