-- lookup.lua - one collection of an index, or all of them, in one consistent look.
-- KEYS: the index's meta and catalogue.  ARGV: a collection's name, or none for all.
-- Returns {index incarnation or false, (name, check, definition)*}.
local exists = redis.call('HGET', KEYS[1], 'i')
local found = { exists }
if not exists then
    return found
end
local names = ARGV[1] and { ARGV[1] } or redis.call('HKEYS', KEYS[2])
for _, name in ipairs(names) do
    local check = redis.call('HGET', KEYS[1], 'c:' .. name)
    if check then
        found[#found + 1] = name
        found[#found + 1] = check
        found[#found + 1] = redis.call('HGET', KEYS[2], name)
    end
end
return found
