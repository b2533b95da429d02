-- Renews leases. KEYS[1]: slots. ARGV: ms of a lease, then request ids.
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1]))
for n = 2, #ARGV do redis.call('ZADD', KEYS[1], ends, ARGV[n]) end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(ARGV[1]) * 2))
return #ARGV - 1
