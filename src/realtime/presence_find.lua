-- presence_find.lua - one room on all nodes that live.
-- KEYS: the nodes. ARGV: room, prefix of all nodes' counts, prefix of all nodes' definitions.
-- Returns {connections, "<index> <collection> <filter>" or false}.
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sum, definition = 0, false
for _, name in ipairs(call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
    local value = call('HGET', ARGV[2] .. name, ARGV[1])
    if value then
        sum = sum + string.match(value, '^%d+')
        definition = definition or call('HGET', ARGV[3] .. name, ARGV[1])
    end
end
return { sum, definition }
