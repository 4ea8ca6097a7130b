#!lua flags=no-writes
-- Entries of a stream, as XRANGE gives them, but bounded in bytes as well: a caller who reads
-- what others have written can't know how large an entry is.
--
-- KEYS[1]  the partition's prefix P: stream:JK
-- ARGV     JK, the start (as XRANGE takes it), most entries, most bytes of payloads
-- Returns  {entries, 1 if it stopped for the bounds, else 0}
-- Invariants: one entry at least comes if there is one, however large it is; what comes is a
-- beginning of what XRANGE gives. Entries are looked at a few at a time, as many as the bytes left
-- seem to hold.

local stream, from = KEYS[1] .. 'stream:' .. ARGV[1], ARGV[2]
local left, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local rows, size, step = {}, 0, 4
while left > 0 do
  step = math.min(step, left)
  local found = redis.call('XRANGE', stream, from, '+', 'COUNT', step)
  for i = 1, #found do
    local bytes = #found[i][2][2]
    if #rows > 0 and size + bytes > room then return {rows, 1} end
    size = size + bytes
    rows[#rows + 1] = found[i]
  end
  if #found < step then return {rows, 0} end
  left = left - step
  from = '(' .. found[#found][1]
  step = math.max(1, math.min(64, math.floor((room - size) / (size / #rows + 1))))
end
return {rows, 1}
