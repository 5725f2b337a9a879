/* change_id.c - the name of a change, by which a client says how much it knows.
 * Clients take it as it is. It names a place in the index's feed: the commit's sequence, how many
 * changes of that commit lie before the place, and the commit's digest, so that a Redis which lost
 * that commit and gave its sequence to another one is found out.
 */
#include "realtime/hub_private.h"

/* Lua's numbers, in which the commit script counts, are exact so far. */
#define SEQUENCE_MAX ((uint64_t)1 << 53)

/* Writes the digits of `number` before `end`, `least` of them at least; returns where they begin.
 */
static char *put_before(char *end, uint64_t number, unsigned base, unsigned least)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < least || number > 0; i++, number /= base)
        *--end = digits[number % base];
    return end;
}

/* By hand: every notification has one, and printf costs more than the rest of its text. */
struct kdm_str kdm_change_id_write(char space[KDM_CHANGE_ID_MAX],
                                   const struct kdm_feed_place *place)
{
    char *end = space + KDM_CHANGE_ID_MAX, *at = put_before(end, place->digest, 16, 8);

    *--at = '.';
    at = put_before(at, place->part, 10, 1);
    *--at = '.';
    at = put_before(at, place->sequence, 10, 1);
    return (struct kdm_str){ .ptr = at, .len = (size_t)(end - at) };
}

static unsigned digit_of(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                  : 16;
}

/* Takes the digits at the front of *text; false: there are none, or too many. */
static bool take_number(struct kdm_str *text, unsigned base, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < text->len && digit_of(text->ptr[i]) < base; i++) {
        unsigned digit = digit_of(text->ptr[i]);

        if (number > (max - digit) / base)
            return false;
        number = number * base + digit;
    }
    *text = kdm_str_from(*text, i);
    *ret_number = number;
    return i > 0;
}

static bool take_dot(struct kdm_str *text)
{
    if (text->len == 0 || text->ptr[0] != '.')
        return false;
    *text = kdm_str_from(*text, 1);
    return true;
}

bool kdm_change_id_read(struct kdm_str id, struct kdm_feed_place *ret_place)
{
    uint64_t sequence, part, digest;

    if (!take_number(&id, 10, SEQUENCE_MAX, &sequence) || !take_dot(&id)
        || !take_number(&id, 10, UINT32_MAX - 1, &part) || !take_dot(&id)
        || !take_number(&id, 16, UINT32_MAX, &digest) || id.len > 0)
        return false;
    *ret_place = (struct kdm_feed_place){ .sequence = sequence,
                                          .part = (uint32_t)part,
                                          .digest = (uint32_t)digest };
    return true;
}
