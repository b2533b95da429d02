-- Ends the claims of one group of a request: what was not used goes back to where it was taken, an overrun is debited now. Once: the
-- request is forgotten. Mode `rest` gives back the last call's reservation alone, of which nothing was used.
-- Mode `late`: as `end`, of a request whose claim was never answered and may come yet: it will find that it is too late.
-- KEYS as in admission_claim.lua. ARGV: mode (end, rest, late), request id, used input, output, nanos, requests; then the claims as there.
-- Returns: 1, or 0 where the request has nothing; then for each claim on money: which (from 1), used, reserved.
local found = redis.call('HGETALL', KEYS[1])
local late = ARGV[1] == 'late'
if #found == 0 then
  if late then
    redis.call('HSET', KEYS[1], 'x', '1')
    redis.call('PEXPIRE', KEYS[1], '60000')
  end
  return {0}
end
local request = {}
for n = 1, #found, 2 do request[found[n]] = found[n + 1] end
local mode, id = late and 'end' or ARGV[1], ARGV[2]
local used = {i = tonumber(ARGV[3]), o = tonumber(ARGV[4]), q = tonumber(ARGV[6])}
local nanos = tonumber(ARGV[5])
used.t = used.i + used.o
local calls = tonumber(request.n or 0)
local from = 1
if mode == 'rest' then
  if calls == 0 then return {0} end
  from = calls
  for _, name in ipairs({'a', 'i', 'o', 'm'}) do redis.call('HDEL', KEYS[1], name .. calls) end
  redis.call('HINCRBY', KEYS[1], 'n', -1)
else
  redis.call('DEL', KEYS[1])
  if late then
    redis.call('HSET', KEYS[1], 'x', '1')
    redis.call('PEXPIRE', KEYS[1], '60000')
  end
end
local answer = {1}

local function reserved_by(n, dimension)
  if dimension == 't' then return tonumber(request['i' .. n]) + tonumber(request['o' .. n]) end
  return tonumber(request[dimension .. n])
end

local function correct(counter, bucket, dimension)
  local unused = -used[dimension]
  for n = from, calls do unused = unused + reserved_by(n, dimension) end
  if bucket then
    set_bucket(counter, counter.total - unused)
  elseif unused < 0 then
    add_window(counter, -unused)
  else
    for n = calls, from, -1 do
      local back = math.min(unused, reserved_by(n, dimension))
      unused = unused - back
      give_back(counter, tonumber(request['a' .. n]), back)
    end
  end
end

for n = 2, #KEYS do
  local at = 6 + (n - 2) * 4
  local key, kind, dimension = KEYS[n], ARGV[at + 1], ARGV[at + 2]
  local limit, span = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if kind == 's' then
    if mode == 'end' then redis.call('ZREM', key, id) end
  elseif kind == 'm' then
    if calls > 0 and redis.call('HEXISTS', key, 's') == 1 then
      local reserved = 0
      for call = from, calls do reserved = reserved + tonumber(request['m' .. call]) end
      redis.call('HINCRBY', key, 'r', whole(-reserved))
      redis.call('HINCRBY', key, 's', whole(nanos))
    end
    local money = redis.call('HMGET', key, 's', 'r')
    if money[1] then
      answer[#answer + 1] = n - 1
      answer[#answer + 1] = tonumber(money[1]) + tonumber(money[2] or 0)
      answer[#answer + 1] = tonumber(money[2] or 0)
    end
  elseif dimension == 'q' then
    if mode == 'end' and request.q and tonumber(request.q) > used.q then
      local back = tonumber(request.q) - used.q
      if kind == 'b' then
        local bucket = load_bucket(key, limit, span * 1000)
        set_bucket(bucket, bucket.total - back)
      else
        give_back(load_window(key, span * 1000), tonumber(request.a), back)
      end
    end
  elseif calls > 0 then
    local counter = kind == 'b' and load_bucket(key, limit, span * 1000) or load_window(key, span * 1000)
    correct(counter, kind == 'b', dimension)
  end
end
return answer
