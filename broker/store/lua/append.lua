#!lua flags=allow-oom
-- Append to many streams of a partition in one step, each under its holder's token.
--
-- KEYS[1]  the partition's prefix P: job:* stream:* ended:* templates:* body:* leases
--          due open queue batch watched busy bulk waits totals account:*
-- ARGV     channel prefix, lease (ms), stream ttl (ms), record ttl (ms), then per stream:
--          JK, token, first, last, payload, and 0 if that is all, 2 if it renews the lease
--          too, else (it does so as well) 1 and
--          final state or "", message head,
--          number of definitions, (template id, definition) each,
--          number of fields, (name, value) each, which are set in the record
-- Returns  one integer per stream:
--          0 APPENDED; 1 DUPLICATE (it is there already: a success, after the terminal too);
--          -1 FENCED (another token, or the job is not running);
--          -2 - k REWIND (the stream ends at k: send again from k + 1)
-- Invariants: numbers in a stream rise by one, without a gap; nothing follows a terminal;
-- the entry's id is its last number; a definition is stored with its first use; readers are
-- told exactly what was stored; one stream's verdict never depends on another's, and the
-- script does not raise midway, unless the server refuses a command to everybody: the same call
-- again then does the rest, and publishes what may not have been. A job whose own keys were damaged is marked `broken`: nobody may
-- write it then, and the rescuer ends it.

--@include finish

local P, channel, stream_ttl, record_ttl = KEYS[1], ARGV[1], ARGV[3], ARGV[4]
local now = clock()
local expiry = text(now + tonumber(ARGV[2]))
local call = redis.call
local verdicts, renewed = {}, {}
local i = 5
while i <= #ARGV do
  local jk, token, first, last = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local payload, job = ARGV[i + 4], P .. 'job:' .. jk
  local kind = ARGV[i + 5]
  local more = kind == '1' and i + 6
  i = i + 6
  local fields
  if more then
    fields = more + 3 + 2 * ARGV[more + 2] + 1
    i = fields + 2 * ARGV[fields - 1]
  end
  local is = redis.pcall('HMGET', job, 'token', 'last', 'state')
  if is.err then is = fields_of(P, jk, 'token', 'last', 'state') end
  local verdict, publish, stored = nil, false, tonumber(is[2])
  if is[1] ~= token then
    verdict = -1
  elseif not stored then
    verdict = -1
    call('HSET', job, 'broken', '1')
  elseif tonumber(last) <= stored then
    verdict, publish = 1, tonumber(last) == stored
  elseif is[3] ~= 'running' then
    verdict = -1
  elseif tonumber(first) ~= stored + 1 then
    verdict = -2 - stored
  else
    local failed
    if more then
      for d = more + 3, fields - 2, 2 do
        failed = not try('HSET', P .. 'templates:' .. jk, ARGV[d], ARGV[d + 1]) or failed
      end
    end
    local added = failed or redis.pcall('XADD', P .. 'stream:' .. jk, last .. '-0', 'f', payload)
    if failed or type(added) == 'table' and not add(P .. 'stream:' .. jk, last, payload) then
      verdict = -1
      call('HSET', job, 'broken', '1')
    else
      verdict, publish = 0, true
      call('HSET', job, 'last', last)
      if more then
        for f = fields, i - 1, 2 do
          call('HSET', job, ARGV[f], ARGV[f + 1])
        end
      end
      if more and ARGV[more] ~= '' then
        finish(P, jk, token, ARGV[more], now, stream_ttl, record_ttl)
      elseif kind ~= '0' then
        renewed[#renewed + 1] = expiry
        renewed[#renewed + 1] = lease_of(jk, token)
      end
    end
  end
  if publish then
    if more then
      call('PUBLISH', channel .. jk, ARGV[more + 1] .. payload)
    else
      call('PUBLISH', channel .. jk, first .. ' ' .. last .. '\n' .. payload)
    end
  end
  if verdict == -1 then count(P, 'fenced') end
  verdicts[#verdicts + 1] = verdict
end
if #renewed > 0 then call('ZADD', P .. 'leases', 'XX', unpack(renewed)) end
return verdicts
