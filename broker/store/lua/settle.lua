#!lua flags=allow-oom
-- Record how attempts ended after their job was taken from the holder (cancelled): the holder
-- is fenced by then, so this touches nothing but the attempts' own fields and what they cost.
--
-- KEYS[1]  the partition's prefix P: job:JK body:JK unsettled
-- ARGV     JK, whether all is settled now (1 or 0), then name, value pairs
-- Returns  1 if recorded, 0 if the record is gone
-- Invariant: only a final record is settled this way; a live one belongs to its holder.

local P, jk = KEYS[1], ARGV[1]
local job = P .. 'job:' .. jk
local is = redis.call('HMGET', job, 'state', 'delivered', 'keep')
if is[1] ~= 'cancelled' and is[1] ~= 'failed' and is[1] ~= 'completed' then return 0 end
for i = 3, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
if ARGV[2] == '1' and redis.call('ZREM', P .. 'unsettled', jk) == 1 then
  if not is[3] and (is[1] ~= 'failed' or is[2]) then redis.call('DEL', P .. 'body:' .. jk) end
end
return 1
