-- tidy.lua - what an index need not keep: feed entries that are too old, commit ids of nodes that are gone.
-- KEYS: the index's meta and feed.
-- ARGV: now (ms), age limit of the feed (ms), then the nodes that are gone.
-- Feed ids are sequences, not times, so two marks in meta ("ta", "tb": "<ms> <sequence>") say where the feed stood:
-- when the newer is half the limit old it becomes the older one, and what lies before the older is cut off. An entry
-- thus lives between one and one and a half times the limit.
local meta, feed, now, limit = KEYS[1], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local marks = redis.call('HMGET', meta, 'ta', 'tb', 'q')
if marks[3] then
    local newer = tonumber(string.match(marks[2] or '0 0', '^%d+'))
    if now - newer >= limit / 2 then
        if marks[1] then
            redis.call('XTRIM', feed, 'MINID', '~', string.match(marks[1], ' (%d+)$'))
        end
        if marks[2] then
            redis.call('HSET', meta, 'ta', marks[2])
        end
        redis.call('HSET', meta, 'tb', string.format('%.0f', now) .. ' ' .. marks[3])
    end
end
if #ARGV > 2 then
    local gone = {}
    for i = 3, #ARGV do
        gone[ARGV[i]] = true
    end
    for _, field in ipairs(redis.call('HKEYS', meta)) do
        local node = string.match(field, '^k:(.*)%.%d+$')
        if node and gone[node] then
            redis.call('HDEL', meta, field)
        end
    end
end
return redis.status_reply('OK')
