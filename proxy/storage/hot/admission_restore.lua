-- Says what has been spent. KEYS[1]: a money counter. ARGV: nanos; ms of its period's end, 0 for none; `set` (only where it is missing) or
-- `add` (only where it is not).
local there = redis.call('HEXISTS', KEYS[1], 's') == 1
if ARGV[3] == 'add' then
  if there then redis.call('HINCRBY', KEYS[1], 's', ARGV[1]) end
elseif not there then
  redis.call('HSET', KEYS[1], 's', ARGV[1], 'r', '0')
  if tonumber(ARGV[2]) > 0 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', tonumber(ARGV[2]) + 3 * 86400000)) end
end
return there and 1 or 0
