-- scroll_next.lua - takes the next page of a cursor; with the last one it goes.
-- KEYS: its list, all cursors, their bytes.  ARGV: key, time to live (ms).
-- Returns {} when there is none, else {head, page or false}.
local head = redis.call('LPOP', KEYS[1])
local page = head and redis.call('LPOP', KEYS[1])
if not page or redis.call('LLEN', KEYS[1]) == 0 then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[1])
    redis.call('HDEL', KEYS[3], ARGV[1])
    return head and { head, page } or {}
end
redis.call('LPUSH', KEYS[1], head)
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { head, page }
