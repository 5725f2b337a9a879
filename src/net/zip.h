/* zip.h - zlib, as content codings (codec.h) and compressed messages (squeeze.h) need it: all input
 * at hand, the result bounded. Pure functions, any thread.
 */
#ifndef KDM_NET_ZIP_H
#define KDM_NET_ZIP_H

#include "net/codec.h"
#include <zlib.h>

/* `window`: bits, as zlib has them: plus 16 for gzip's wrapping, negative for none. */

/* Appends the packed `text`. `flush`: Z_FINISH, or Z_SYNC_FLUSH for a stream that has no end.
 * The fastest level: on JSON it takes a third of the default's time for a result a tenth longer,
 * and the loop waits meanwhile. */
void kdm_zip(int window, struct kdm_str text, int flush, struct kdm_buf *buf);

struct kdm_unzip {
    z_stream z;           /* of the input */
    struct kdm_buf plain; /* heap */
    size_t max;
};

/* Begins to unpack `packed` into at most `max` bytes: that much memory and no more, whatever the
 * input claims to be. */
void kdm_unzip_begin(struct kdm_unzip *unzip, int window, struct kdm_str packed, size_t max);
/* One call of inflate(), with room made for its output; returns its status. */
int kdm_unzip_go_on(struct kdm_unzip *unzip, int flush);
/* Has it become more than `max`? To be asked after each call: there is room for one byte too many.
 */
bool kdm_unzip_is_over(const struct kdm_unzip *unzip);
/* Frees. With KDM_CODEC_OK *ret_plain, which the caller ends, is the result. Returns `result`. */
enum kdm_codec_result kdm_unzip_end(struct kdm_unzip *unzip, enum kdm_codec_result result,
                                    struct kdm_buf *ret_plain);

#endif
