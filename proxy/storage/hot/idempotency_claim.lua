-- KEYS[1]: a hash f(ingerprint), t(oken), u(ntil, ms), a(nswer). ARGV: fingerprint, token, ms of the lease, ms that it is kept.
local held = redis.call('HMGET', KEYS[1], 'f', 'u', 'a')
if held[1] and held[1] ~= ARGV[1] then return {'mismatch'} end
if held[3] then return {'kept', held[3]} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if held[2] and tonumber(held[2]) > now then return {'busy', string.format('%.0f', tonumber(held[2]) - now)} end
redis.call('HSET', KEYS[1], 'f', ARGV[1], 't', ARGV[2], 'u', string.format('%.0f', now + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {held[1] and 'taken' or 'lead'}
