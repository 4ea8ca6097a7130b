#!lua
-- Take a seat for a job of an account whose open jobs are limited, where they are spread over
-- several partitions: see broker/store/seats.py. Taking one again gives it a new mark.
--
-- KEYS[1]  the prefix P of the account's home partition: seats:NAME marks
-- ARGV     account, JK, most seats, for how long the seats are kept (ms) after the last was taken
-- Returns  {mark, store's clock (ms)} | {false, store's clock (ms), JK, mark, ...}: all are taken
-- Invariant: there are never more seats than the account may have jobs open.

--@include finish

local P, account, jk = KEYS[1], ARGV[1], ARGV[2]
local seats, now = P .. 'seats:' .. account, clock()
if redis.call('HLEN', seats) >= tonumber(ARGV[3]) and redis.call('HEXISTS', seats, jk) == 0 then
  local reply = {false, text(now)}
  for _, each in ipairs(redis.call('HGETALL', seats)) do reply[#reply + 1] = each end
  return reply
end
local mark = text(redis.call('INCR', P .. 'marks')) .. ':' .. text(now)
redis.call('HSET', seats, jk, mark)
redis.call('PEXPIRE', seats, ARGV[4])
return {mark, text(now)}
