#!lua flags=allow-oom
-- Say what became of readers of joinable calls, and that their process is there.
--
-- KEYS[1]  the partition's prefix P: join:* readers awake
-- ARGV     holder (this process), whether its loop says so itself (1 or 0), how many readers are
--          meant, for each of them DK, JK or "" if it is not known, mark, what became of it: "left"
--          (it may be joined) or "ended" (not any more; without a mark: if nobody else reads); then pairs of DK and the seconds asked (ms)
--          of entries to keep
-- Returns  nothing
-- Invariant: a reader's entry is changed only under the mark that it is held with.

--@include finish
--@include joins

local P, now = KEYS[1], clock()
local ends = 3 + 4 * tonumber(ARGV[3])
for i = 4, ends, 4 do
  local key, jk, mark, what = P .. 'join:' .. ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local rows = jk ~= '' and {jk, try('HGET', key, jk)} or try('HGETALL', key) or {}
  for n = 1, #rows, 2 do
    local is = rows[n + 1] and entry_of(rows[n + 1])
    if is and mark == '' then
      if is.left > 0 and what == 'ended' then redis.call('HDEL', key, rows[n]) end
    elseif is and is.mark == mark and is.left == 0 then
      if what == 'ended' then
        redis.call('HDEL', key, rows[n])
      else
        is.left, is.holder = now, '-'
        set_entry(key, rows[n], is)
        keep(key, is.asked)
      end
    end
  end
end
for i = ends + 1, #ARGV, 2 do
  local key = P .. 'join:' .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then keep(key, tonumber(ARGV[i + 1])) end
end
beat(P, ARGV[1], now, ARGV[2] == '1')
