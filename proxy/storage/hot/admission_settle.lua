-- Ends the claims of one group of a request: what was not used goes back to where it was taken, an overrun is debited now. Once: the
-- request is forgotten. Mode `rest` gives back the last call's reservation alone, of which nothing was used.
-- Mode `late`: as `end`, of a request whose claim was never answered and may come yet: it will find that it is too late.
-- KEYS as in admission_claim.lua. ARGV: mode (end, rest, late), request id, used input, output, nanos, requests, when it began
-- (unix seconds, 0: not told); then the claims as there.
-- Returns: 1, or 0 where the request has nothing; then for each claim on money: which (from 1), used, reserved.
local found = redis.call('GET', KEYS[1])
local late = ARGV[1] == 'late'
if late then
  redis.call('SET', KEYS[1], 'x', 'PX', 60000)
  if found == 'x' then return {0} end
end
if not found then return {0} end
local mode, id = late and 'end' or ARGV[1], ARGV[2]
local began, requests = string.match(found, '^(%S+) (%S+)')
local reserved = {}
for at, i, o, m in string.gmatch(found, '(%d+):(%d+):(%d+):(%d+)') do
  reserved[#reserved + 1] = {a = tonumber(at), i = tonumber(i), o = tonumber(o), t = tonumber(i) + tonumber(o), m = tonumber(m)}
end
local used = {i = tonumber(ARGV[3]), o = tonumber(ARGV[4]), q = tonumber(ARGV[6])}
used.t = used.i + used.o
local calls = #reserved
local from = 1
if mode == 'rest' then
  if calls == 0 then return {0} end
  from = calls
  redis.call('SET', KEYS[1], (string.gsub(found, ' [^ ]+$', '')), 'KEEPTTL')
elseif not late then
  redis.call('DEL', KEYS[1])
end
local answer = {1}

local function correct(counter, bucket, dimension)
  local unused = -used[dimension]
  for n = from, calls do unused = unused + reserved[n][dimension] end
  if bucket then
    set_bucket(counter, counter.total - unused)
  elseif unused < 0 then
    add_window(counter, -unused)
  else
    for n = calls, from, -1 do
      local back = math.min(unused, reserved[n][dimension])
      unused = unused - back
      give_back(counter, reserved[n].a, back)
    end
  end
end

for n = 2, #KEYS do
  local at = 7 + (n - 2) * 4
  local key, kind, dimension = KEYS[n], ARGV[at + 1], ARGV[at + 2]
  local limit, span = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if kind == 's' then
    if mode == 'end' then redis.call('ZREM', key, id) end
  elseif kind == 'm' then
    local counter = redis.call('HMGET', key, 's', 'h')
    if calls > 0 and counter[1] then
      local kept = 0
      for call = from, calls do kept = kept + reserved[call].m end
      redis.call('HINCRBY', key, 'r', -kept)
      redis.call('HINCRBY', key, 's', ARGV[5])
      local began = tonumber(ARGV[7])
      if counter[2] and began > 0 and began < tonumber(counter[2]) then redis.call('HINCRBY', key, 'x', ARGV[5]) end
    end
    local money = redis.call('HMGET', key, 's', 'r')
    if money[1] then
      answer[#answer + 1] = n - 1
      answer[#answer + 1] = tonumber(money[1]) + tonumber(money[2] or 0)
      answer[#answer + 1] = tonumber(money[2] or 0)
    end
  elseif dimension == 'q' then
    local back = (tonumber(requests) or 0) - used.q
    if mode == 'end' and back > 0 then
      if kind == 'b' then
        local bucket = load_bucket(key, limit, span * 1000)
        set_bucket(bucket, bucket.total - back)
      else
        give_back(load_window(key, span * 1000), tonumber(began), back)
      end
    end
  elseif calls > 0 then
    local counter = kind == 'b' and load_bucket(key, limit, span * 1000) or load_window(key, span * 1000)
    correct(counter, kind == 'b', dimension)
  end
end
return answer
