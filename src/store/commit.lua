-- commit.lua - one atomic change with all the checks it rests on.
-- Redis does not roll back, so everything that can fail comes first and only reads; what follows
-- can't fail: every key's type has been proved by a read, every command is one the user may use, and XADD, whose
-- checks would cost extra, goes first when there is one index. The first write is one that Redis refuses when
-- memory or disk are full; after it Redis refuses none of the others.
--
-- KEYS: meta, catalogue, feed for each index; then the hashes that operations name by number.
-- ARGV: number of indexes, commit field, commit number, mode ("a" all or nothing, "e" each by itself);
--   then for each index:
--     name, envelope, feed length limit, number of checks, (meta field, expected text or "")*,
--     number of operations, operation*
-- Operations (key = number in KEYS; expect = "" absent, "+" present, "*" any, else a sequence):
--   ?  token key id expect                                    a document that was only read
--   w  token key id expect collection version change notify changed text       put; version "" = next, "+2" = the one after that
--   x  token key id expect collection version change notify changed ""         delete
--   i  key incarnation                                        make the index
--   I  key                                                    delete the index and all it holds
--   c  collection check definition                            make a collection or its next mapping
--   C  key collection                                         delete a collection
--   T  key collection check                                   empty a collection: a new incarnation
--   m  what collection id text                              a message: only the feed tells it
--   j  key id head json                                       store a job record, "" removes it; the one
--                                                             there begins with head, if that is not ""
-- Returns the new sequence (the usual case), or an array:
--   {"+", {sequence, ...}, {token, 0, previous value or false, version}, {token, 1, present value or false}, ...}
--   {"-", {failed meta field, ...}, {token, 1, present value or false}, ...}   nothing was written
--   {"=", record}                                  this commit was done before; or fenced: "<number> x"
-- The commit field holds the last commit of its slot. Numbers grow, and a slot is used again only when nobody asks
-- for its last commit any more: so a greater number there tells that this command comes too late, from the buffer of
-- a connection that was given up.
local call = redis.call

-- The usual: one or two documents of one index are put, their versions are known and every check holds. It is the same as
-- what follows, without its tables; whatever is not so, or fails a check, goes the long way.
repeat
    local checks = tonumber(ARGV[8])
    local at = 9 + 2 * checks
    local two = ARGV[at] == '2'
    if ARGV[1] ~= '1' or ARGV[at + 1] ~= 'w' or not (ARGV[at] == '1' or two and ARGV[at + 12] == 'w') then break end
    local version, version2 = tonumber(ARGV[at + 7]), two and tonumber(ARGV[at + 18])
    if not version or string.byte(ARGV[at + 7]) == 43 then break end -- '+'
    if two and (not version2 or string.byte(ARGV[at + 18]) == 43) then break end
    if ARGV[at + 8] == 'p' or two and ARGV[at + 19] == 'p' then break end
    local meta, field, number = KEYS[1], ARGV[2], ARGV[3]
    local got
    if checks == 1 then
        got = call('HMGET', meta, 'q', field, ARGV[9])
    else
        local fields = { meta, 'q', field }
        for c = 1, checks do
            fields[3 + c] = ARGV[7 + 2 * c]
        end
        got = call('HMGET', unpack(fields))
    end
    if got[2] and tonumber(string.match(got[2], '^%d+')) >= tonumber(number) then break end
    local holds = true
    for c = 1, checks do
        holds = holds and (got[2 + c] or '') == ARGV[8 + 2 * c]
    end
    if not holds then break end
    local docs, id, expect = KEYS[tonumber(ARGV[at + 3])], ARGV[at + 4], ARGV[at + 5]
    local value = call('HGET', docs, id)
    if expect == '' then
        if value then break end
    elseif not value or string.sub(value, 1, #expect + 1) ~= expect .. ' ' then
        break
    end
    local docs2, id2, value2
    if two then
        expect = ARGV[at + 16]
        docs2, id2 = KEYS[tonumber(ARGV[at + 14])], ARGV[at + 15]
        value2 = call('HGET', docs2, id2)
        if expect == '' then
            if value2 then break end
        elseif not value2 or string.sub(value2, 1, #expect + 1) ~= expect .. ' ' then
            break
        end
    end
    if redis.acl_check_cmd and not redis.acl_check_cmd('HSET', meta, '', '', '') then break end
    local following = tonumber(got[1] or '0') + 1
    local sequence = string.format('%.0f', following)
    local record = number .. ' ' .. sequence
    local collection, text = ARGV[at + 6], ARGV[at + 11]
    local head = ARGV[at + 8] .. ARGV[at + 9] .. ' ' .. ARGV[at + 7] .. ' ' .. collection .. ' ' .. id
    if two then
        local collection2, text2 = ARGV[at + 17], ARGV[at + 22]
        call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], sequence .. '-0', 'e', ARGV[6], head, text, ARGV[at + 10],
            value or '', ARGV[at + 19] .. ARGV[at + 20] .. ' ' .. ARGV[at + 18] .. ' ' .. collection2 .. ' ' .. id2,
            text2, ARGV[at + 21], value2 or '')
        call('HSET', docs, id, sequence .. ' ' .. ARGV[at + 7] .. ' ' .. text)
        call('HSET', docs2, id2, sequence .. ' ' .. ARGV[at + 18] .. ' ' .. text2)
        call('HSET', meta, 'q', sequence, field, record, 'w:' .. collection, sequence, 'w:' .. collection2, sequence)
    else
        call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], sequence .. '-0', 'e', ARGV[6], head, text, ARGV[at + 10],
            value or '')
        call('HSET', docs, id, sequence .. ' ' .. ARGV[at + 7] .. ' ' .. text)
        call('HSET', meta, 'q', sequence, field, record, 'w:' .. collection, sequence)
    end
    redis.pcall('PUBLISH', meta, sequence)
    do return following end
until true

local SIZE = { ['?'] = 5, w = 11, x = 11, i = 3, I = 2, c = 4, C = 3, T = 4, j = 5, m = 5 }
-- Commands that operations use beside HSET.
local USES = { x = 'HDEL', i = 'PERSIST', I = 'HDEL UNLINK PEXPIRE', C = 'HDEL UNLINK', T = 'UNLINK', j = 'HDEL', m = 'PEXPIRE PTTL HEXISTS' }
local FEW = 4000 -- items of one answer; unpack() takes 8,000. The others show in the next try.
local DELETED_FEED_MS = '600000' -- how long followers can read that an index was deleted, or of one that is none
local NO_INDEX_MS = '86400000' -- how long the sequence lasts of messages in an index that never was
local index_count, commit_field, commit_number = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local each = ARGV[4] == 'e'

-- Does the stored value meet the expectation?
local function meets(expect, value)
    if expect == '*' then
        return true
    elseif expect == '' then
        return not value
    elseif expect == '+' then
        return value and true
    end
    return value and string.sub(value, 1, #expect + 1) == expect .. ' '
end

-- Phase 1: read and check.
local uses = ' HSET' .. (index_count > 1 and ' XADD' or '')
local at = 5
local sections, failed_fields, items, refused = {}, {}, {}, false
for i = 1, index_count do
    local meta = KEYS[3 * i - 2]
    local checks = tonumber(ARGV[at + 3])
    local fields = { meta, 'q', commit_field }
    for c = 0, checks - 1 do
        fields[4 + c] = ARGV[at + 4 + 2 * c]
    end
    local got = call('HMGET', unpack(fields))
    if i == 1 and got[2] then
        local last = string.match(got[2], '^%d+')
        if last == commit_number then
            return { '=', got[2] }
        elseif tonumber(last) > tonumber(commit_number) then
            return { '=', commit_number .. ' x' }
        end
    end
    for c = 0, checks - 1 do
        if (got[3 + c] or '') ~= ARGV[at + 5 + 2 * c] then
            failed_fields[#failed_fields + 1] = ARGV[at + 4 + 2 * c]
        end
    end
    local section = { start = at, sequence = tonumber(got[1] or '0') + 1, values = {}, skip = {}, writes = false }
    at = at + 4 + 2 * checks
    section.count, section.ops = tonumber(ARGV[at]), at + 1
    at = at + 1
    for o = 1, section.count do
        local op = ARGV[at]
        if op ~= '?' then
            section.writes = true
        end
        if USES[op] and not string.find(uses, USES[op], 1, true) then
            uses = uses .. ' ' .. USES[op]
        end
        if op == '?' or op == 'w' or op == 'x' then
            local value = call('HGET', KEYS[tonumber(ARGV[at + 2])], ARGV[at + 3])
            section.values[o] = value
            if not meets(ARGV[at + 4], value) then
                if #items < FEW then
                    items[#items + 1] = { tonumber(ARGV[at + 1]), 1, value }
                end
                if each and op ~= '?' then
                    section.skip[o] = true
                else
                    refused = true
                end
            end
        elseif op == 'm' then
            section.absent = call('HEXISTS', meta, 'i') == 0
            section.passing = section.absent and (not got[1] or call('PTTL', meta) > 0)
        elseif op == 'j' then
            local record, head = call('HGET', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2]), ARGV[at + 3]
            if head ~= '' and not record then
                failed_fields[#failed_fields + 1] = 'j'
            elseif head ~= '' and string.sub(record, 1, #head) ~= head then
                failed_fields[#failed_fields + 1] = 'J'
            end
        else
            section.catalogue = true
            if op == 'i' or op == 'I' then
                call('HEXISTS', KEYS[tonumber(ARGV[at + 1])], '')
            end
            if op == 'c' or op == 'C' or op == 'I' then
                call('HEXISTS', KEYS[3 * i - 1], '')
            end
            if op == 'i' then
                section.made = true
            elseif (op == 'c' or op == 'I') and not section.made and call('HEXISTS', meta, 'i') == 0 then
                failed_fields[#failed_fields + 1] = 'i'
            end
            if op == 'I' then
                section.all = call('HGETALL', meta)
            end
        end
        at = at + SIZE[op]
    end
    if not section.writes then
        section.sequence = section.sequence - 1
    elseif index_count > 1 then
        if call('EXISTS', KEYS[3 * i]) == 1 then
            local info = call('XINFO', 'STREAM', KEYS[3 * i])
            for f = 1, #info, 2 do
                if info[f] == 'last-generated-id'
                    and tonumber(string.match(info[f + 1], '^%d+')) >= section.sequence then
                    return redis.error_reply('ERR kdm: the feed is ahead of its index')
                end
            end
        end
    end
    sections[i] = section
end
if refused or #failed_fields > 0 then
    return { '-', failed_fields, unpack(items) }
end
if redis.acl_check_cmd then -- Redis 7
    for command in string.gmatch(uses, '%u+') do
        if not redis.acl_check_cmd(command, KEYS[1], '', '', '') then
            return redis.error_reply('NOPERM kdm: this user may not run ' .. command)
        end
    end
end

-- Phase 2: write.
local sequences, record = {}, commit_number
for i = 1, index_count do
    sequences[i] = sections[i].sequence
    record = record .. ' ' .. string.format('%.0f', sequences[i])
end
if not sections[1].writes then
    call('HSET', KEYS[1], commit_field, record)
end
for i = 1, index_count do
    local section = sections[i]
    local meta, catalogue = KEYS[3 * i - 2], KEYS[3 * i - 1]
    local name, envelope = ARGV[section.start], ARGV[section.start + 1]
    local sequence = string.format('%.0f', section.sequence)
    if section.writes then
        local feed = { KEYS[3 * i], 'MAXLEN', '~', ARGV[section.start + 2], sequence .. '-0', 'e', envelope }
        local state = { meta, 'q', sequence }
        if i == 1 then
            state[4], state[5] = commit_field, record
        end
        local texts, counted = {}, {}
        -- What the feed will say, and every document's new value.
        local o_at = section.ops
        for o = 1, section.count do
            local op = ARGV[o_at]
            if (op == 'w' or op == 'x') and not section.skip[o] then
                local value, version, change = section.values[o], ARGV[o_at + 6], ARGV[o_at + 7]
                if version == '' or string.sub(version, 1, 1) == '+' then
                    local old = value and string.match(value, '^%d+ (%d+) ')
                    local steps = op == 'w' and (tonumber(version) or 1) or 0
                    version = string.format('%.0f', (tonumber(old) or 0) + steps)
                    items[#items + 1] = { tonumber(ARGV[o_at + 1]), 0, value, tonumber(version) }
                end
                if change == 'p' then
                    change = value and 'r' or 'c'
                end
                local size = #feed
                feed[size + 1] = change .. ARGV[o_at + 8] .. ' ' .. version .. ' ' .. ARGV[o_at + 5]
                    .. ' ' .. ARGV[o_at + 3]
                feed[size + 2] = ARGV[o_at + 10]
                feed[size + 3] = ARGV[o_at + 9]
                feed[size + 4] = value or ''
                if op == 'w' then
                    texts[o] = sequence .. ' ' .. version .. ' ' .. ARGV[o_at + 10]
                end
                if not counted[ARGV[o_at + 5]] then
                    counted[ARGV[o_at + 5]] = true
                    state[#state + 1] = 'w:' .. ARGV[o_at + 5]
                    state[#state + 1] = sequence
                end
            elseif op == 'm' then
                local size = #feed
                feed[size + 1] = ARGV[o_at + 1] .. '+ 0 ' .. ARGV[o_at + 2] .. ' ' .. ARGV[o_at + 3]
                feed[size + 2] = ARGV[o_at + 4]
                feed[size + 3] = ''
                feed[size + 4] = ''
            elseif op == 'i' or op == 'I' then
                feed[#feed + 1] = op
                feed[#feed + 1] = name
            elseif op == 'c' then
                feed[#feed + 1] = 'k ' .. ARGV[o_at + 1]
                feed[#feed + 1] = ARGV[o_at + 2]
            elseif op == 'C' or op == 'T' then
                feed[#feed + 1] = op .. ' ' .. ARGV[o_at + 2]
                feed[#feed + 1] = ARGV[o_at + 3] or ''
            end
            o_at = o_at + SIZE[op]
        end
        call('XADD', unpack(feed))
        -- The operations themselves.
        o_at = section.ops
        for o = 1, section.count do
            local op = ARGV[o_at]
            if op == 'w' then
                if not section.skip[o] then
                    call('HSET', KEYS[tonumber(ARGV[o_at + 2])], ARGV[o_at + 3], texts[o])
                end
            elseif op == 'x' then
                if not section.skip[o] then
                    call('HDEL', KEYS[tonumber(ARGV[o_at + 2])], ARGV[o_at + 3])
                end
            elseif op == 'c' then
                state[#state + 1] = 'c:' .. ARGV[o_at + 1]
                state[#state + 1] = ARGV[o_at + 2]
                call('HSET', catalogue, ARGV[o_at + 1], ARGV[o_at + 3])
            elseif op == 'C' then
                call('HDEL', catalogue, ARGV[o_at + 2])
                call('HDEL', meta, 'c:' .. ARGV[o_at + 2], 'w:' .. ARGV[o_at + 2])
                call('UNLINK', KEYS[tonumber(ARGV[o_at + 1])])
            elseif op == 'T' then
                state[#state + 1] = 'c:' .. ARGV[o_at + 2]
                state[#state + 1] = ARGV[o_at + 3]
                state[#state + 1] = 'w:' .. ARGV[o_at + 2]
                state[#state + 1] = sequence
                call('UNLINK', KEYS[tonumber(ARGV[o_at + 1])])
            elseif op == 'i' then
                state[#state + 1] = 'i'
                state[#state + 1] = ARGV[o_at + 2]
                call('HSET', KEYS[tonumber(ARGV[o_at + 1])], name, ARGV[o_at + 2])
                call('PERSIST', KEYS[3 * i])
                call('PERSIST', meta)
            elseif op == 'I' then
                -- Whatever the index holds now, also what was made after the decision.
                local all, prefix = section.all, string.sub(meta, 1, -2) .. 'd:'
                for f = 1, #all, 2 do
                    if string.sub(all[f], 1, 2) == 'c:' then
                        call('UNLINK', prefix .. (string.match(all[f + 1], '^%S+') or ''))
                    end
                    if all[f] ~= 'q' and string.sub(all[f], 1, 2) ~= 'k:' then
                        call('HDEL', meta, all[f])
                    end
                end
                call('UNLINK', catalogue)
                call('PEXPIRE', KEYS[3 * i], DELETED_FEED_MS)
                call('HDEL', KEYS[tonumber(ARGV[o_at + 1])], name)
            elseif op == 'j' then
                if ARGV[o_at + 4] == '' then
                    call('HDEL', KEYS[tonumber(ARGV[o_at + 1])], ARGV[o_at + 2])
                else
                    call('HSET', KEYS[tonumber(ARGV[o_at + 1])], ARGV[o_at + 2], ARGV[o_at + 4])
                end
            end
            o_at = o_at + SIZE[op]
        end
        call('HSET', unpack(state))
        if section.absent and not section.made then
            call('PEXPIRE', KEYS[3 * i], DELETED_FEED_MS)
            if section.passing then
                call('PEXPIRE', meta, NO_INDEX_MS)
            end
        end
        -- Who follows this index hears of it; everybody hears of a change in the catalogue. A ring may be lost, so
        -- it is no error when this user may not publish.
        redis.pcall('PUBLISH', meta, sequence)
        if section.catalogue then
            redis.pcall('PUBLISH', 'kdm:bell', name)
        end
    end
end
if index_count == 1 and #items == 0 then
    return sequences[1]
end
return { '+', sequences, unpack(items) }
