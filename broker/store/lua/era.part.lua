-- Part, included by `finish`: what a store that may have lost the end of its log must not do.
--
-- A host crash takes the last moments of the log with it, and the store comes back as it was a
-- moment earlier: frames that readers have seen are gone, and with them perhaps the claim under
-- which they were written, or the job. It can't know what it lost. It can know that it was started
-- again: its run id is another one. The time since then is an era, and `era` has the run id and
-- the beginning: in µs and on the tokens' scale (0 for the first era: nothing was before it), which
-- no step of the clock turns back, and on the clock, in ms.
--
-- No number of a stream is ever used for two frames. Who writes a frame is one of these:
--   its holder, under a token that is still in the record: then the claim is there, so is all that
--     was before it (a log loses its end only), and of what came after it the holder knows every
--     number. It sends the lost frames again, byte for byte, or else ends the job by `lose`;
--   anybody else: a later claim, a cancel, a deadline. In the era in which the job was made, nothing
--     was lost. In a later one its numbers go on from a number that was never used, by `break_off`.
-- A number that was never used: the token drawn for it, in µs, less a constant to keep it short. It
-- is never behind the clock, so it rises faster than any stream, and a lost end of the log can't
-- take it back.
--
-- `breaks` in the record says where: "last before:first after", several joined by commas. A
-- cursor in between has seen what was lost. `since` is the era in which the last break was made.

local ZERO = 1500000000000000 -- µs: the token that would be the number 0
local MADE_AGAIN = 60000000 -- µs of an era in which a job that is made may be one that was lost

-- When the present era began, on both scales; it is begun here if the store is another one than the last caller
-- saw. `server` is its run id, after a `~` if the caller has known another before; "" if the server
-- does not say. `was` is the value of the key `era`. A store that came back empty takes itself for
-- new, until somebody knows better.
local function era_of(P, now, server, was)
  -- Nearly always it is the first one, and goes on.
  local first = server .. ' 0 '
  if was and string.sub(was, 1, #first) == first then return 0, 0 end
  local id = string.match(server, '%x+$')
  if not id then return 0, 0 end
  local its, began, at = string.match(was or '', '^(%x+) (%d+) (%d+)$')
  if its == id and (began ~= '0' or id == server) then return tonumber(began), tonumber(at) end
  began = '0'
  if was or id ~= server then began = draw(P, now) end
  redis.call('SET', P .. 'era', id .. ' ' .. began .. ' ' .. text(now))
  return tonumber(began), now
end

local function era(P, now, server)
  return era_of(P, now, server, redis.call('GET', P .. 'era'))
end

-- Whether frames of a job may have been lost since it was made, or since the last break.
local function is_older(created, since, began)
  return began > 0 and (tonumber(since) or (tonumber(created) or 0) * 1000) < began
end

-- The fields that make a stream's numbers go on after a break, flat, and the last number that is
-- passed over. `token` is newly drawn.
local function break_off(last, breaks, token, began)
  last = text(tonumber(last) or 0)
  local first = math.max(last + 1, tonumber(token) - ZERO)
  breaks = (breaks and breaks .. ',' or '') .. last .. ':' .. text(first)
  return {'last', text(first - 1), 'breaks', breaks, 'since', text(began)}, text(first - 1)
end
