-- presence_put.lua - says that a node lives, and how many connections it has in some rooms.
-- KEYS: the nodes (sorted set: node -> until when it lives, ms), the node's counts, the node's definitions.
-- ARGV: node, lease (ms), prefix of all nodes' counts, then for each room: id, connections, "1" when somebody there wants
--   to hear of joins and leaves, "<index> <collection>", filter. 0 connections: the room is gone.
-- Returns the number of rooms of this node, then for each room: connections of other nodes, and 1 when somebody anywhere
-- wants to hear of joins and leaves.
local call = redis.call
local nodes, counts, definitions = KEYS[1], KEYS[2], KEYS[3]
local node, lease, prefix = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
call('ZREMRANGEBYSCORE', nodes, '-inf', now)
call('ZADD', nodes, now + lease, node)
local others = {}
for _, name in ipairs(call('ZRANGE', nodes, 0, -1)) do
    if name ~= node then
        others[#others + 1] = prefix .. name
    end
end
local told = { 0 }
for at = 4, #ARGV, 5 do
    local room, wanted, sum = ARGV[at], ARGV[at + 2] == '1', 0
    if ARGV[at + 1] == '0' then
        call('HDEL', counts, room)
        call('HDEL', definitions, room)
    else
        call('HSET', counts, room, ARGV[at + 1] .. ' ' .. ARGV[at + 2] .. ' ' .. ARGV[at + 3])
        call('HSET', definitions, room, ARGV[at + 3] .. ' ' .. ARGV[at + 4])
    end
    for _, key in ipairs(others) do
        local value = call('HGET', key, room)
        if value then
            local count, wants = string.match(value, '^(%d+) (%d)')
            sum = sum + count
            wanted = wanted or wants == '1'
        end
    end
    told[#told + 1] = sum
    told[#told + 1] = wanted and 1 or 0
end
call('PEXPIRE', counts, lease)
call('PEXPIRE', definitions, lease)
told[1] = call('HLEN', counts)
return told
