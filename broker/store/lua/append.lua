#!lua flags=allow-oom
-- Append to many streams of a partition in one step, each under its holder's token.
--
-- KEYS[1]  the partition's prefix P: job:* stream:* ended:* templates:* body:* leases
--          due open queue batch watched busy totals
-- ARGV     channel prefix, lease (ms), stream ttl (ms), record ttl (ms), then per stream:
--          JK, token, first, last, message head, payload, final state or "",
--          number of definitions, (template id, definition) each,
--          number of fields, (name, value) each, which are set in the record
-- Returns  one integer per stream:
--          0 APPENDED; 1 DUPLICATE (it is there already: a success, after the terminal too);
--          -1 FENCED (another token, or the job is not running);
--          -2 - k REWIND (the stream ends at k: send again from k + 1)
-- Invariants: numbers in a stream rise by one, without a gap; nothing follows a terminal;
-- the entry's id is its last number; a definition is stored with its first use; readers are
-- told exactly what was stored; one stream's verdict never depends on another's, and the
-- script does not raise midway.

--@include finish

local P, channel, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
local stream_ttl, record_ttl = ARGV[3], ARGV[4]
local now = clock()
local expiry = text(now + lease)
local verdicts, renewed = {}, {}
local i = 5
while i <= #ARGV do
  local jk, token, first, last = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local head, payload, final = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  local definitions = i + 8
  local fields = definitions + 2 * tonumber(ARGV[i + 7]) + 1
  i = fields + 2 * tonumber(ARGV[fields - 1])
  local job = P .. 'job:' .. jk
  local is = redis.call('HMGET', job, 'token', 'last', 'state')
  local verdict
  if is[1] ~= token then
    verdict = -1
  elseif tonumber(last) <= tonumber(is[2]) then
    verdict = 1
  elseif is[3] ~= 'running' then
    verdict = -1
  elseif first ~= is[2] + 1 then
    verdict = -2 - is[2]
  else
    -- Only a stream written to by hand can refuse this; its job is then nobody's to write.
    local added = redis.pcall('XADD', P .. 'stream:' .. jk, last .. '-0', 'f', payload)
    if type(added) == 'table' and added.err then
      verdict = -1
    else
      verdict = 0
      for d = definitions, fields - 2, 2 do
        redis.call('HSET', P .. 'templates:' .. jk, ARGV[d], ARGV[d + 1])
      end
      redis.call('HSET', job, 'last', last)
      for f = fields, i - 1, 2 do
        redis.call('HSET', job, ARGV[f], ARGV[f + 1])
      end
      if final == '' then
        renewed[#renewed + 1] = expiry
        renewed[#renewed + 1] = jk
      else
        finish(P, jk, final, now, stream_ttl, record_ttl)
      end
      redis.call('PUBLISH', channel .. jk, head .. payload)
    end
  end
  if verdict == -1 then count(P, 'fenced') end
  verdicts[#verdicts + 1] = verdict
end
if #renewed > 0 then redis.call('ZADD', P .. 'leases', 'XX', unpack(renewed)) end
return verdicts
