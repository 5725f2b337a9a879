/* ws_frame.c - any bytes as messages: what is framed can be cut frame by frame, and is then what it
 * was. */
#include "net/frame.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static size_t head_len(size_t len)
{
    return len < 126 ? 2 : len < 65536 ? 4 : 10;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str text = { .ptr = (const char *)data, .len = size };
    size_t first = size == 0 ? 0 : data[0] % (size + 1), at;
    struct kdm_str parts[2] = { { text.ptr, first }, kdm_str_from(text, first) };
    struct kdm_buf frames;

    kdm_frame_is_ping(text);
    kdm_buf_init(&frames, NULL, 16);
    kdm_frame_put(&frames, parts[0]);
    kdm_frame_put(&frames, parts[1]);
    at = kdm_frame_cut(kdm_buf_str(&frames), 1);
    if (at != head_len(first) + first)
        abort();
    if (!kdm_str_eq(kdm_str_from((struct kdm_str){ .ptr = frames.ptr, .len = at }, head_len(first)),
                    parts[0]))
        abort();
    if (kdm_frame_cut(kdm_str_from(kdm_buf_str(&frames), at), 1) != frames.len - at)
        abort();
    kdm_buf_fini(&frames);
    return 0;
}
