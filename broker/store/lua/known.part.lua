-- Part, included by the scripts that look up a request id.

-- What a request id names already, as a reply: {"exists", grace or false, state, "1" if it failed and
-- the same call may try again, else false} | {"conflict"} | {"gone"}; nil if it is free.
local function known(P, jk, digest)
  local is = redis.call('HMGET', P .. 'job:' .. jk, 'state', 'digest', 'grace', 'again')
  if not is[1] then return nil end
  if is[1] == 'deleted' then return {'gone'} end
  if is[2] ~= digest then return {'conflict'} end
  return {'exists', is[3], is[1], is[1] == 'failed' and is[4]}
end
