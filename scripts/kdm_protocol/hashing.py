"""A perfect hash over the asked controllers and actions, so that a look-up is one compare.

Hash and displace: a key's low bits choose a bucket, the bucket's displacement moves its keys to
slots that nobody else has. The same arithmetic stands in ACTION_FIND below, in C.
"""

from dataclasses import dataclass

MASK = (1 << 64) - 1
FACTOR = 0x9E3779B97F4A7C15


def mix(state, text):
    """Eight bytes a step, least significant first, and the length with the last ones."""
    data = text.encode("utf-8")
    whole = len(data) & ~7
    for at in range(0, whole, 8):
        state = ((state ^ int.from_bytes(data[at : at + 8], "little")) * FACTOR) & MASK
        state ^= state >> 32
    tail = int.from_bytes(data[whole:], "little") | len(data) << 56 & MASK
    state = ((state ^ tail) * FACTOR) & MASK
    return state ^ state >> 32


def key_hash(controller, action):
    return mix(mix(0, controller), action)


def slot_of(key, displacement, slots):
    step = key >> 48 | 1
    return ((key >> 20) + displacement * step) & (slots - 1)


@dataclass
class PerfectHash:
    displacements: list  # one a bucket
    slots: list  # number of the key, None where there is none


def power_of_two(at_least):
    size = 1
    while size < at_least:
        size *= 2
    return size


def place(keys, bucket, slots):
    """The first displacement that puts the whole bucket on free slots of its own."""
    for displacement in range(1 << 16):
        wanted = [slot_of(keys[number], displacement, len(slots)) for number in bucket]
        if len(set(wanted)) == len(wanted) and all(slots[slot] is None for slot in wanted):
            return displacement, wanted
    raise AssertionError("no displacement; make the table larger")


def build(keys):
    buckets = [[] for _ in range(power_of_two(len(keys) // 2))]
    slots = [None] * power_of_two(len(keys) * 3 // 2)
    displacements = [0] * len(buckets)
    for number, key in enumerate(keys):
        buckets[key & (len(buckets) - 1)].append(number)
    for at in sorted(range(len(buckets)), key=lambda at: (-len(buckets[at]), at)):
        if buckets[at]:
            displacements[at], wanted = place(keys, buckets[at], slots)
            for number, slot in zip(buckets[at], wanted):
                slots[slot] = number
    return PerfectHash(displacements, slots)


ACTION_FIND = """\
/* Eight bytes a step; the compiler makes one load of them. */
static uint64_t mix(uint64_t state, struct kdm_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    uint64_t tail = (uint64_t)s.len << 56;
    size_t len = s.len;

    for (; len >= 8; len -= 8, p += 8) {
        state ^= (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16
                 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40
                 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
        state *= HASH_FACTOR;
        state ^= state >> 32;
    }
    for (size_t i = 0; i < len; i++)
        tail |= (uint64_t)p[i] << (8 * i);
    state = (state ^ tail) * HASH_FACTOR;
    return state ^ state >> 32;
}

static bool is_text(const char *text, size_t len, struct kdm_str s)
{
    return len == s.len && memcmp(text, s.ptr, len) == 0;
}

static bool controller_known(struct kdm_str controller)
{
    for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++)
        if (kdm_str_eq(kdm_str_of(controllers[i]), controller))
            return true;
    return false;
}

const struct kdm_action *kdm_action_find(struct kdm_str controller, struct kdm_str action,
                                         bool *ret_controller_known)
{
    uint64_t key = mix(mix(0, controller), action);
    uint64_t displacement = displacements[key & (BUCKETS - 1)];
    const struct slot *slot = &slots[((key >> 20) + displacement * (key >> 48 | 1)) & (SLOTS - 1)];
    const struct kdm_action *row = &kdm_actions[slot->action];

    if (slot->controller_len != 0
        && is_text(row->asked_controller, slot->controller_len, controller)
        && is_text(row->asked_action, slot->action_len, action)) {
        *ret_controller_known = true;
        return row;
    }
    *ret_controller_known = controller_known(controller);
    return NULL;
}
"""
