-- Says what has been spent. KEYS[1]: a money counter. ARGV: nanos; ms of its period's end, 0 for none; how; a moment in unix seconds, 0 for none.
--   set    Only where it is missing: what the ledger has. Requests that began before the moment may still come into the ledger.
--   again  What the ledger has by now of those: what has come late is added, but for what was settled here (x).
--   add    Only where it is there: what a request that began at the moment has spent elsewhere; `again` finds it where it began before.
-- Returns whether it was there. Fields: s settled, r reserved; h the moment, b set to, x settled here of requests from before h, l come late.
local money = redis.call('HMGET', KEYS[1], 's', 'h', 'b', 'x', 'l')
local there, how, moment = money[1], ARGV[3], tonumber(ARGV[4])
local rebuilt = tonumber(money[2] or 0)
if how == 'add' then
  if there and (moment == 0 or moment >= rebuilt) then redis.call('HINCRBY', KEYS[1], 's', ARGV[1]) end
elseif how == 'again' then
  local late = there and rebuilt == moment and tonumber(ARGV[1]) - tonumber(money[3]) - tonumber(money[4]) or 0
  local known = tonumber(money[5] or 0)
  if late > known then
    redis.call('HINCRBY', KEYS[1], 's', string.format('%.0f', late - known))
    redis.call('HSET', KEYS[1], 'l', string.format('%.0f', late))
  end
elseif not there then
  redis.call('HSET', KEYS[1], 's', ARGV[1], 'r', '0')
  if moment > 0 then redis.call('HSET', KEYS[1], 'h', ARGV[4], 'b', ARGV[1], 'x', '0', 'l', '0') end
  if tonumber(ARGV[2]) > 0 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', tonumber(ARGV[2]) + 3 * 86400000)) end
end
return there and 1 or 0
