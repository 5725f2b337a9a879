/* id.c - identifiers from the kernel's random bytes, fetched 4 KiB at a time. */
#include "base/id.h"
#include "base/err.h"
#include <errno.h>
#include <sys/random.h>

static const char *const adjectives[] = {
    "amber",  "bold",   "brisk",  "calm",   "clear",  "crisp",   "deep",   "eager",
    "early",  "even",   "fair",   "firm",   "fresh",  "gentle",  "golden", "grand",
    "hardy",  "humble", "jolly",  "keen",   "kind",   "light",   "lively", "lucky",
    "mellow", "mild",   "modest", "nimble", "noble",  "patient", "plain",  "polite",
    "proud",  "quick",  "quiet",  "rapid",  "ready",  "robust",  "rustic", "sharp",
    "silent", "silver", "smooth", "solid",  "steady", "sunny",   "swift",  "tidy",
    "tough",  "true",   "vivid",  "warm",   "wild",   "wise",    "young",  "zesty",
};

static const char *const names[] = {
    "alder",  "anchor",  "badger",  "beacon", "birch",   "brook",  "canyon",  "cedar",
    "comet",  "condor",  "coral",   "crane",  "delta",   "dune",   "ember",   "falcon",
    "fern",   "fjord",   "flint",   "gecko",  "glacier", "harbor", "hazel",   "heron",
    "island", "juniper", "kestrel", "lagoon", "lantern", "larch",  "lynx",    "maple",
    "marten", "meadow",  "meteor",  "orchid", "osprey",  "otter",  "pebble",  "pine",
    "plover", "prairie", "quartz",  "raven",  "reef",    "river",  "sparrow", "spruce",
    "summit", "thistle", "tundra",  "valley", "walnut",  "willow", "wren",    "zephyr",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void read_kernel(unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        KDM_ASSERT(got > 0); /* it can't fail otherwise */
        bytes += got;
        len -= (size_t)got;
    }
}

void kdm_random_fill(struct kdm_random *random, void *ret_bytes, size_t len)
{
    unsigned char *taken;

    if (len > sizeof(random->bytes)) {
        read_kernel(ret_bytes, len);
        return;
    }
    if (random->left < len) {
        read_kernel(random->bytes, sizeof(random->bytes));
        random->left = sizeof(random->bytes);
    }
    random->left -= len;
    taken = random->bytes + random->left;
    memcpy(ret_bytes, taken, len);
    memset(taken, 0, len); /* what was given out as a secret does not stay here */
}

uint64_t kdm_random_u64(struct kdm_random *random)
{
    uint64_t value;

    kdm_random_fill(random, &value, sizeof(value));
    return value;
}

void kdm_uuid(struct kdm_random *random, char ret_text[KDM_UUID_LEN])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    char *at = ret_text;

    kdm_random_fill(random, bytes, sizeof(bytes));
    bytes[6] = (bytes[6] & 0x0f) | 0x40; /* version 4 */
    bytes[8] = (bytes[8] & 0x3f) | 0x80; /* RFC 4122 variant */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
}

void kdm_doc_id(struct kdm_random *random, char ret_text[KDM_DOC_ID_LEN])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[KDM_DOC_ID_LEN];

    kdm_random_fill(random, bytes, sizeof(bytes));
    while ((bytes[0] & 63) >= 62)
        kdm_random_fill(random, bytes, 1);
    for (size_t i = 0; i < KDM_DOC_ID_LEN; i++)
        ret_text[i] = alphabet[bytes[i] & 63];
}

struct kdm_str kdm_friendly_id(struct kdm_random *random, struct kdm_arena *arena,
                               const char *prefix)
{
    uint64_t dice = kdm_random_u64(random);
    const char *adjective = adjectives[dice % LENGTH(adjectives)];
    const char *name = names[(dice >> 8) % LENGTH(names)];

    return kdm_arena_printf(arena, "%s-%s-%s-%u", prefix, adjective, name,
                            (unsigned)((dice >> 16) % 100000));
}
