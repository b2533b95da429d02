-- Writes fields of the board, and says what stands afterwards.
-- KEYS[1]: a hash; field `@` is `<history> <number of the last write>`, every other one
--   `<number of its write> <version> <writer> <floor> <expires ms> <keep until ms> <value>`.
-- The floor is the version of the last plain write of the field: a plain record's own, below its own in one that may only lengthen.
-- ARGV: name for a history if a new one begins; then for each write: field, version, writer, floor, lifetime ms, ms for which older
--   writes are refused, value.
-- Returns: history, number before, number after, server's ms, and the standing record of each field.
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local history, last
local head = redis.call('HGET', key, '@')
if head then history, last = string.match(head, '^(%S+) (%d+)$') end
if not history then history, last = ARGV[1], 0 end
local before = tonumber(last)
local number = before
local answer = {history, before, before, now}

local function wins(standing, version, writer, floor, expires)
  if floor < version then return version > standing.floor and expires > standing.expires end
  return version > standing.version or (version == standing.version and writer > standing.writer)
end

for i = 2, #ARGV, 7 do
  local field, version, writer, floor = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], tonumber(ARGV[i + 3])
  local expires, keep = now + tonumber(ARGV[i + 4]), now + tonumber(ARGV[i + 5])
  local record = redis.call('HGET', key, field)
  local standing = nil
  if record then
    local v, w, f, e, k = string.match(record, '^%d+ (%d+) (%S+) (%d+) (%d+) (%d+) ')
    if v and tonumber(k) > now then
      standing = {version = tonumber(v), writer = w, floor = tonumber(f), expires = tonumber(e), keep = tonumber(k)}
    end
  end
  if not standing or wins(standing, version, writer, floor, expires) then
    if standing then
      if floor < version then
        version = math.max(version, standing.version)
        floor = math.max(floor, standing.floor)
      end
      keep = math.max(keep, standing.keep)
    end
    number = number + 1
    record = string.format('%.0f %.0f %s %.0f %.0f %.0f ', number, version, writer, floor, expires, keep) .. ARGV[i + 6]
    redis.call('HSET', key, field, record)
  end
  answer[#answer + 1] = record
end
if number > before or not head then
  redis.call('HSET', key, '@', string.format('%s %.0f', history, number))
end
answer[3] = number
return answer
