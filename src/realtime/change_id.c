/* change_id.c - the name of a change, by which a client says how much it knows.
 * Clients take it as it is. It names a place in the index's feed: the commit's sequence, how many
 * changes of that commit lie before the place, and the commit's digest, so that a Redis which lost
 * that commit and gave its sequence to another one is found out.
 */
#include "realtime/hub_private.h"

#include <stdio.h>

struct kdm_str kdm_change_id_write(char space[KDM_CHANGE_ID_MAX],
                                   const struct kdm_feed_place *place)
{
    int len = snprintf(space, KDM_CHANGE_ID_MAX, "%llu.%u.%08x",
                       (unsigned long long)place->sequence, place->part, place->digest);

    return (struct kdm_str){ .ptr = space, .len = (size_t)len };
}

/* Digits of this base up to `end`, which is passed over; false: none, or too many. */
static bool take_number(struct kdm_str *text, unsigned base, char end, uint64_t max,
                        uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < text->len && text->ptr[i] != end; i++) {
        char c = text->ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 99;

        if (digit >= base || number > (max - digit) / base)
            return false;
        number = number * base + digit;
    }
    if (i == 0 || (end != '\0' && i == text->len))
        return false;
    *text = kdm_str_from(*text, end == '\0' ? i : i + 1);
    *ret_number = number;
    return true;
}

bool kdm_change_id_read(struct kdm_str id, struct kdm_feed_place *ret_place)
{
    uint64_t sequence, part, digest;

    if (!take_number(&id, 10, '.', (uint64_t)1 << 53, &sequence)
        || !take_number(&id, 10, '.', UINT32_MAX - 1, &part)
        || !take_number(&id, 16, '\0', UINT32_MAX, &digest))
        return false;
    *ret_place = (struct kdm_feed_place){ .sequence = sequence,
                                          .part = (uint32_t)part,
                                          .digest = (uint32_t)digest };
    return true;
}
