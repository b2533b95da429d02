-- What the steps of admission share; it stands before each of them. Times are microseconds of this server's clock.
-- A window is a hash {o: origin, i: newest bucket, f: first that is not empty, t: total, c: newest bucket's, 0 … 59: what was taken in
-- each}: a ring of 60 buckets, each a 59th of the span wide; a bucket counts until the 60th after it begins. A token bucket is {l: what is
-- missing, a: when}. Slots are a sorted set of request ids by the end of their lease in ms; money is {s: settled, r: reserved}.
-- A request is a string: `<when> <requests>`, both `-` where only calls took something, then ` <when>:<input>:<output>:<nanos>` for each call
-- that reserved; or `x`, settled before its claim came.
local PARTS, BUCKETS = 59, 60
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function first_taken(key, from, to)
  local names = {}
  for i = from, to do names[#names + 1] = i % BUCKETS end
  local found = redis.call('HMGET', key, unpack(names))
  for n = 1, #found do
    if found[n] and tonumber(found[n]) > 0 then return from + n - 1 end
  end
  return to
end

local function load_window(key, span)
  local width = span / PARTS
  local head = redis.call('HMGET', key, 'o', 'i', 't', 'f', 'c')
  if head[1] then
    local origin, index = tonumber(head[1]), tonumber(head[2])
    local at = math.max(index, math.floor((now - origin) / width))
    if at - index < BUCKETS then
      local w = {
        key = key, span = span, width = width, origin = origin, index = at, total = tonumber(head[3]), first = tonumber(head[4]),
        current = tonumber(head[5])
      }
      if at > index then
        local names = {}
        for i = index + 1, at do names[#names + 1] = i % BUCKETS end
        local old = redis.call('HMGET', key, unpack(names))
        for n = 1, #old do w.total = w.total - (tonumber(old[n]) or 0) end
        redis.call('HDEL', key, unpack(names))
        if w.first <= at - BUCKETS then w.first = first_taken(key, at - PARTS, at) end
        w.current, w.moved = 0, true
        redis.call('HSET', key, 'i', at, 't', w.total, 'f', w.first, 'c', 0)
      end
      return w
    end
  end
  local offset = width > 500000 and 20000 or width * 0.999
  return {
    key = key, span = span, width = width, origin = math.floor(now - offset), index = 0, total = 0, first = 0, current = 0, fresh = true
  }
end

local function add_window(w, amount)
  w.total, w.current = w.total + amount, w.current + amount
  if w.fresh then
    redis.call('DEL', w.key)
    redis.call('HSET', w.key, 'o', w.origin, 'i', 0, 'f', 0, 't', amount, 'c', amount, '0', amount)
  else
    redis.call('HSET', w.key, w.index % BUCKETS, w.current, 't', w.total, 'c', w.current)
  end
  if w.fresh or w.moved then redis.call('PEXPIRE', w.key, math.floor(w.span / 500) + 1000) end
  w.fresh, w.moved = false, false
end

local function give_back(w, at, amount)
  local index = math.floor((at - w.origin) / w.width)
  if amount <= 0 or w.fresh or index < 0 or w.index - index >= BUCKETS then return end
  w.total = w.total - amount
  if index >= w.index then
    w.current = w.current - amount
    redis.call('HSET', w.key, w.index % BUCKETS, w.current, 't', w.total, 'c', w.current)
  else
    redis.call('HINCRBY', w.key, index % BUCKETS, -amount)
    redis.call('HSET', w.key, 't', w.total)
  end
end

local function reset_of(w)
  if w.total <= 0 then return 0 end
  return math.max(0, w.origin + (w.first + BUCKETS) * w.width - now)
end

local function wait_of(w, amount, limit)
  local over = w.total + amount - limit
  local index = math.max(w.index - PARTS, 0)
  if not w.fresh then
    local names = {}
    for i = index, w.index do names[#names + 1] = i % BUCKETS end
    local taken = redis.call('HMGET', w.key, unpack(names))
    for n = 1, #taken do
      over = over - (tonumber(taken[n]) or 0)
      index = math.max(w.index - PARTS, 0) + n - 1
      if over <= 0 then break end
    end
  end
  return w.origin + (index + BUCKETS) * w.width - now + 1
end

local function load_bucket(key, limit, span)
  local head = redis.call('HMGET', key, 'l', 'a')
  local b = {key = key, refill = limit / span, span = span, total = 0}
  if head[1] then b.total = math.max(0, tonumber(head[1]) - math.max(0, now - tonumber(head[2])) * b.refill) end
  return b
end

local function set_bucket(b, total)
  b.total = math.max(0, total)
  redis.call('HSET', b.key, 'l', string.format('%.6f', b.total), 'a', now)
  redis.call('PEXPIRE', b.key, math.floor(b.span / 500) + 1000)
end
