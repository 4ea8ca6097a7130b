-- Part, included by the scripts of calls that come again without a key.
--
-- `join:DK` has the joinable calls of one digest: a hash, by job key, of
--   "created mark since left asked holder request-id"
-- in ms, `left` 0 while the reader is held, which `holder` (an API process) does under `mark`.
-- `readers` scores each process that holds readers by its last beat (ms); `awake` by the last one
-- that its event loop sent itself, with every leaving that it knew of before.

local SLACK = 60000 -- ms that entries are kept beyond the time that was asked for: see `keep`
local FORGOTTEN = 86400000 -- ms after which a process that was not heard of is forgotten

local function entry_of(value)
  local created, mark, since, left, asked, holder, request_id =
    string.match(value, '^(%d+) (%S+) (%d+) (%d+) (%d+) (%S+) (%S+)$')
  if not created then return nil end -- it was damaged
  return {
    created = tonumber(created), mark = mark, since = tonumber(since), left = tonumber(left),
    asked = tonumber(asked), holder = holder, request_id = request_id,
  }
end

local function set_entry(key, jk, is)
  redis.call('HSET', key, jk, table.concat({
    text(is.created), is.mark, text(is.since), text(is.left), text(is.asked), is.holder,
    is.request_id,
  }, ' '))
end

-- Keep the entries for as long as one of them asks. Their holder says so again and again while a
-- reader is there, so they go that long after the last reader, and the slack, at the latest.
local function keep(key, asked)
  local wanted = asked + SLACK
  if redis.call('PTTL', key) < wanted then redis.call('PEXPIRE', key, text(wanted)) end
end

local function beat(P, holder, now, awake)
  redis.call('ZADD', P .. 'readers', text(now), holder)
  if awake then redis.call('ZADD', P .. 'awake', text(now), holder) end
end

-- Whether the rescuer's ticks say that the store, or its clock, stood still or was set: then
-- processes that live may not have been able to say so.
local function held_off(P, now, tick)
  local was = redis.call('HMGET', P .. 'tick', 'last', 'until')
  local last = tonumber(was[1])
  if not last then return false end
  return math.abs(now - last) > 3 * tick or now < (tonumber(was[2]) or 0)
end
