-- Reads what changed on the board. KEYS[1]: see board_write.lua. ARGV: history and number of the last write that the asker knows.
-- Returns: history ('' where there is none), number, server's ms, 1 when this is everything and 0 when it is what came since, then
-- field, record, … Reading everything clears away what nobody needs any more (not on a replica, which refuses).
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local history, last
local head = redis.call('HGET', key, '@')
if head then history, last = string.match(head, '^(%S+) (%d+)$') end
if not history then return {'', 0, now, 1} end
last = tonumber(last)
local known = tonumber(ARGV[2])
local everything = history ~= ARGV[1] or last < known
if everything then known = 0 end
local answer = {history, last, now, everything and 1 or 0}
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local number, keep = string.match(all[i + 1], '^(%d+) %d+ %S+ %d+ %d+ (%d+) ')
  if not number then
    if all[i] ~= '@' and everything then
      answer[#answer + 1] = all[i]
      answer[#answer + 1] = all[i + 1]
    end
  elseif tonumber(keep) <= now then
    if everything then redis.pcall('HDEL', key, all[i]) end
  elseif tonumber(number) > known then
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = all[i + 1]
  end
end
return answer
