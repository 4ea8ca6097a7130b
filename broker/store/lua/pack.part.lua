-- Part, included by `finish`: how an ended stream is kept in less. P is the partition's prefix.

-- Put the entries of an ended stream together: all of a short one, else about 900 bytes at a
-- time. A token that came alone is an entry of its own, 14 bytes of it overhead; payloads may
-- be joined as they are, under the last one's id, and a cursor within an entry is what readers
-- reckon with anyway. Long streams are left alone: they would hold up the server, about 1 µs
-- an entry; those of long entries have nothing to gain (a server may not tell how long they are).
local function pack(P, jk, stream_ttl)
  local key = P .. 'stream:' .. jk
  local length, bytes = redis.call('XLEN', key), redis.pcall('MEMORY', 'USAGE', key)
  if length == 0 or length > 1024 then return end
  if type(bytes) == 'number' and bytes > 262144 then return end

  -- A varint (see broker/codec.py): the number, and the place after it.
  local function varint(data, at)
    local number, unit = 0, 1
    while true do
      local byte = string.byte(data, at)
      at = at + 1
      if byte < 128 then return number + byte * unit, at end
      number, unit = number + (byte - 128) * unit, unit * 128
    end
  end

  local function put_varint(number)
    local bytes = ''
    while number > 127 do
      bytes = bytes .. string.char(number % 128 + 128)
      number = math.floor(number / 128)
    end
    return bytes .. string.char(number)
  end

  -- How many bytes two texts begin with in common, and with how many of the rest they end.
  local function common(a, b)
    local sub, low, high = string.sub, 0, math.min(#a, #b)
    local most = high
    while low < high do
      local middle = math.floor((low + high + 1) / 2)
      if sub(a, low + 1, middle) == sub(b, low + 1, middle) then
        low = middle
      else
        high = middle - 1
      end
    end
    local before = low
    low, high = 0, most - before
    while low < high do
      local middle = math.floor((low + high + 1) / 2)
      if sub(a, -middle, -low - 1) == sub(b, -middle, -low - 1) then
        low = middle
      else
        high = middle - 1
      end
    end
    return before, low
  end

  -- A frame as what it differs in from another text, or nil if that is not much less.
  local function difference(head, body, reference, text)
    local before, after = common(body, text)
    if before + after < 16 then return nil end
    local between = string.sub(body, before + 1, #body - after)
    return table.concat({string.char(head + 64, reference), put_varint(before), put_varint(after),
      put_varint(#between), between})
  end

  -- How many holes each of a job's templates has, and the first one's text with none filled.
  local function templates_of(P, jk)
    local all, holes, text = redis.call('HGETALL', P .. 'templates:' .. jk), {}, nil
    for i = 1, #all, 2 do
      local data, at, segments = all[i + 1], 1, {}
      while at <= #data do
        local size, from = varint(data, at)
        at = from + size
        segments[#segments + 1] = string.sub(data, from, at - 1)
      end
      holes[tonumber(all[i])] = #segments - 1
      if all[i] == '0' then text = table.concat(segments) end
    end
    return holes, text
  end

  -- The payload with the frames that are verbatim in it as differences: each from the one of
  -- them before it, or from the first template where that is none, or a native one.
  local function shorten(payload, holes, first)
    local byte, out, at, from, text, reference = string.byte, {}, 1, 1, first, 1
    while at <= #payload do
      local head = byte(payload, at)
      if head < 64 then
        at = at + 1
        for _ = 1, holes[head] do
          local size = byte(payload, at)
          if size > 127 then size, at = varint(payload, at) else at = at + 1 end
          at = at + size
        end
      else
        local size, place = varint(payload, at + 1)
        local body = string.sub(payload, place, place + size - 1)
        local less = text and difference(head, body, reference, text)
        if less then
          out[#out + 1] = string.sub(payload, from, at - 1)
          out[#out + 1] = less
          from = place + size
        end
        at = place + size
        if head == 67 then text, reference = first, 1 else text, reference = body, 0 end
      end
    end
    out[#out + 1] = string.sub(payload, from)
    return table.concat(out)
  end

  -- Keep the whole of an ended stream as one string: a stream object takes a kilobyte beside
  -- what is in it, and the few frames of a short job that fit no template more than its tokens.
  -- The string is the last frame's number, a line feed and the payload.
  local function keep_whole(P, jk, rows, payload, stream_ttl)
    -- Nothing that was written by hand may make this raise midway.
    local known, holes, first = pcall(templates_of, P, jk)
    local done, less = pcall(shorten, payload, known and holes or {}, first)
    local last = string.match(rows[#rows][1], '^%d+')
    redis.call('SET', P .. 'ended:' .. jk, last .. '\n' .. (done and less or payload), 'PX',
      stream_ttl)
    redis.call('DEL', P .. 'stream:' .. jk)
  end

  local rows = redis.call('XRANGE', key, '-', '+')
  local payloads, whole = {}, 0
  for i = 1, #rows do
    payloads[i] = rows[i][2][2]
    whole = whole + #payloads[i]
  end
  if whole <= 4096 then return keep_whole(P, jk, rows, table.concat(payloads), stream_ttl) end
  local joined, begin, size = {}, 1, 0
  for i = 1, #rows do
    size = size + #payloads[i]
    if size > 900 or i == #rows then
      joined[#joined + 1] = {rows[i][1], table.concat(payloads, '', begin, i)}
      begin, size = i + 1, 0
    end
  end
  if #joined > length / 2 then return end
  redis.call('DEL', key)
  for i = 1, #joined do
    redis.call('XADD', key, joined[i][1], 'f', joined[i][2])
  end
end
