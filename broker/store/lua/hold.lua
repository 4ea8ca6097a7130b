#!lua flags=allow-oom
-- Hold the reader of a joinable job again: it comes back to its stream by the job's own address.
--
-- KEYS[1]  the prefix P of the digest's home partition: join:DK readers awake
-- ARGV     DK, JK, holder (this process), mark of its reader, whether it has read some of the stream
--          (1 or 0): then it is the reader that another process may not know to be gone
-- Returns  1 if it is held now, 0 if there is nothing to be held, 2 if somebody else seems to read
-- Invariant: as of join.lua. Who is joined goes on reading, and has no say any more.

--@include finish
--@include joins

local P, jk, me = KEYS[1], ARGV[2], ARGV[3]
local key, now = P .. 'join:' .. ARGV[1], clock()
local is = entry_of(try('HGET', key, jk) or '')
if not is then return 0 end
if is.left == 0 and ARGV[5] ~= '1' then return 2 end
is.mark, is.since, is.left, is.holder = ARGV[4], now, 0, me
set_entry(key, jk, is)
keep(key, is.asked)
beat(P, me, now, true)
return 1
