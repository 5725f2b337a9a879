-- size.lua - how large a collection is: {documents, bytes}, the bytes estimated by Redis from a sample.
-- KEYS[1]: the collection's documents.
return { tostring(redis.call('HLEN', KEYS[1])), tostring(redis.call('MEMORY', 'USAGE', KEYS[1]) or 0) }
