-- ARGV: token, then the answer and the ms that it is kept; without these the key is free.
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
if #ARGV == 1 then return redis.call('DEL', KEYS[1]) end
redis.call('HDEL', KEYS[1], 't', 'u')
redis.call('HSET', KEYS[1], 'a', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
