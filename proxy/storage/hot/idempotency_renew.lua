-- ARGV: token, ms of the lease.
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'u', string.format('%.0f', ends))
return 1
