-- Takes the claims of one group of a request, all or nothing; refused for something of the rest, `all` still takes the first.
-- KEYS: the request, then a counter for each claim. ARGV: part (first, rest, all; read takes nothing), ms of a slot's lease, request id,
-- input, output, nanos, requests, ms that the request is remembered; then for each claim: kind (w, b, s, m), dimension (q, i, o, t, -),
-- limit (money: -1 for a soft one), span or end in ms (0: none).
-- Returns: 0 taken, 1 refused, 2 refused for something of the rest, 3 money counters are missing; which (from 1); microseconds after which
-- all fits; then for each claim: used, microseconds until some is free, reserved. Missing ones have used -1.
local part, lease, id = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local known = redis.call('GET', KEYS[1])
if known == 'x' then return redis.error_reply('LATE the request has been settled already') end
if known and (part == 'all' or part == 'first') then
  -- asked again, since the first answer was lost
  part = (part == 'first' or string.find(known, ':', 1, true)) and 'read' or 'rest'
end
local amounts = {i = tonumber(ARGV[4]), o = tonumber(ARGV[5]), q = tonumber(ARGV[7])}
local nanos = tonumber(ARGV[6])
amounts.t = amounts.i + amounts.o
local claims, answer = {}, {0, 0, 0}
local refused, refused_rest, missing = 0, 0, false

local function look(c)
  if c.kind == 's' then
    redis.call('ZREMRANGEBYSCORE', c.key, '-inf', math.floor(now / 1000))
    c.used = redis.call('ZCARD', c.key)
    c.over, c.reset = c.used >= c.limit, 1000000
  elseif c.kind == 'm' then
    local money = redis.call('HMGET', c.key, 's', 'r')
    c.reset = c.span > 0 and math.max(0, c.span * 1000 - now) or 0
    if money[1] then
      c.reserved = tonumber(money[2] or 0)
      c.used = tonumber(money[1]) + c.reserved
      c.over = c.limit >= 0 and c.used + nanos > c.limit
    else
      c.missing = true
    end
  elseif c.kind == 'b' then
    c.counter = load_bucket(c.key, c.limit, c.span * 1000)
    c.used = math.ceil(c.counter.total - 0.000001)
    c.over = c.counter.total + amounts[c.dimension] > c.limit + 0.000001
    c.reset = math.min(1, c.counter.total) / c.counter.refill
  else
    c.counter = load_window(c.key, c.span * 1000)
    c.used = c.counter.total
    c.over = c.used + amounts[c.dimension] > c.limit
    c.reset = reset_of(c.counter)
  end
end

local function wait_for(c)
  if c.kind == 'w' then return wait_of(c.counter, amounts[c.dimension], c.limit) end
  if c.kind == 'b' then
    return (c.counter.total + math.min(amounts[c.dimension], c.limit) - c.limit) / c.counter.refill + 1000
  end
  return c.reset
end

local function take(c)
  if c.kind == 's' then
    redis.call('ZADD', c.key, math.floor(now / 1000) + lease, id)
    redis.call('PEXPIRE', c.key, lease * 2)
    c.used = c.used + 1
  elseif c.kind == 'm' then
    redis.call('HINCRBY', c.key, 'r', ARGV[6])
    c.used, c.reserved = c.used + nanos, c.reserved + nanos
  elseif c.kind == 'b' then
    set_bucket(c.counter, c.counter.total + amounts[c.dimension])
    c.used = math.ceil(c.counter.total - 0.000001)
  else
    add_window(c.counter, amounts[c.dimension])
    c.used = c.counter.total
    c.reset = reset_of(c.counter)
  end
end

for n = 2, #KEYS do
  local at = 8 + (n - 2) * 4
  local c = {key = KEYS[n], kind = ARGV[at + 1], dimension = ARGV[at + 2], limit = tonumber(ARGV[at + 3]), span = tonumber(ARGV[at + 4])}
  c.rest = c.kind == 'm' or (c.kind ~= 's' and c.dimension ~= 'q')
  look(c)
  claims[#claims + 1] = c
  if part == 'all' or part == (c.rest and 'rest' or 'first') then
    if c.missing then
      missing = true
    elseif c.over then
      if not c.rest then
        if refused == 0 then refused = n - 1 end
      elseif refused_rest == 0 then
        refused_rest = n - 1
      end
    end
  end
end

if refused > 0 then
  answer[1], answer[2] = 1, refused
elseif missing then
  answer[1] = 3
elseif refused_rest > 0 then
  answer[1], answer[2] = 2, refused_rest
end
local status = answer[1]
if status == 1 or status == 2 then
  for _, c in ipairs(claims) do
    if c.over and (part ~= 'rest' or c.rest) then answer[3] = math.max(answer[3], wait_for(c)) end
  end
end
local takes_first = part ~= 'rest' and part ~= 'read' and (status == 0 or status == 2)
local takes_rest = (part == 'rest' or part == 'all') and status == 0
if takes_first or takes_rest then
  known = known or (takes_first and string.format('%.0f %s', now, ARGV[7]) or '- -')
  if takes_rest then known = string.format('%s %.0f:%s:%s:%s', known, now, ARGV[4], ARGV[5], ARGV[6]) end
  redis.call('SET', KEYS[1], known, 'PX', ARGV[8])
end
for _, c in ipairs(claims) do
  if (c.rest and takes_rest) or (not c.rest and takes_first) then take(c) end
  answer[#answer + 1] = c.missing and -1 or c.used
  answer[#answer + 1] = math.floor(c.reset)
  answer[#answer + 1] = c.reserved or 0
end
answer[3] = math.ceil(answer[3])
return answer
