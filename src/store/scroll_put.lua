-- scroll_put.lua - a new cursor, or more pages of one that was begun by the call before.
-- KEYS: its list, all cursors, their bytes.
-- ARGV: key, time to live (ms), most cursors, most bytes, "1" for a new one, then texts.
-- Returns 1, or 0 when there is no room for it.
local key, ttl, new = ARGV[1], tonumber(ARGV[2]), ARGV[5] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
    redis.call('ZREM', KEYS[2], gone)
    redis.call('HDEL', KEYS[3], gone)
end
local bytes = 0
for i = 6, #ARGV do
    bytes = bytes + #ARGV[i]
end
local all = bytes
for _, held in ipairs(redis.call('HVALS', KEYS[3])) do
    all = all + held
end
if all > tonumber(ARGV[4]) then
    return 0
end
if new and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
    return 0
end
if not new and not redis.call('ZSCORE', KEYS[2], key) then
    return 0
end
redis.call('ZADD', KEYS[2], now + ttl, key)
redis.call('HINCRBY', KEYS[3], key, bytes)
for i = 6, #ARGV do
    redis.call('RPUSH', KEYS[1], ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ttl)
return 1
