/* ws_frame.c - any bytes as frames: what is read does not depend on how the bytes were cut, no more
 * than the limit comes out, and what is framed can be cut frame by frame.
 */
#include "net/frame.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define LIMIT 500

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static size_t head_len(size_t len)
{
    return len < 126 ? 2 : len < 65536 ? 4 : 10;
}

static void send_and_cut(struct kdm_str text, size_t first)
{
    struct kdm_str parts[2] = { { text.ptr, first }, kdm_str_from(text, first) };
    struct kdm_buf frames;
    size_t at;

    kdm_buf_init(&frames, NULL, 16);
    kdm_frame_put(&frames, KDM_FRAME_TEXT, parts[0]);
    kdm_frame_put(&frames, KDM_FRAME_PONG, parts[1]);
    at = kdm_frame_cut(kdm_buf_str(&frames), 1);
    must(at == head_len(first) + first, "a cut is at the end of a frame");
    must(kdm_str_eq(kdm_str_from((struct kdm_str){ .ptr = frames.ptr, .len = at }, head_len(first)),
                    parts[0]),
         "a frame holds its text");
    must(kdm_frame_cut(kdm_str_from(kdm_buf_str(&frames), at), 1) == frames.len - at,
         "the second frame is the rest");
    kdm_buf_fini(&frames);
}

/* Writes down what is read of `bytes`, which are given in pieces of `cut`: each message and control
 * frame, and how it ended. */
static void note_all(struct kdm_str bytes, size_t cut, struct kdm_buf *notes)
{
    struct kdm_frame_reader reader;
    size_t message = 0;

    kdm_frame_reader_init(&reader, LIMIT, true);
    while (bytes.len > 0) {
        size_t len = bytes.len < cut ? bytes.len : cut;
        char *piece = malloc(len); /* of its own, so that every byte beside it is out of bounds */
        struct kdm_str rest = { .ptr = memcpy(piece, bytes.ptr, len), .len = len };
        enum kdm_frame_event event;

        while ((event = kdm_frame_read(&reader, &rest)) == KDM_FRAME_DATA
               || event == KDM_FRAME_CONTROL) {
            if (event == KDM_FRAME_CONTROL) {
                kdm_buf_printf(notes, "<%d %zu at %zu>", reader.opcode, reader.piece.len, message);
                (void)kdm_frame_close_code(reader.piece);
                continue;
            }
            message += reader.piece.len;
            must(message <= LIMIT, "a message keeps to its limit");
            kdm_buf_put(notes, reader.piece);
            if (reader.ends) {
                kdm_buf_printf(notes, "|%d %d", reader.opcode, reader.squeezed);
                message = 0;
            }
        }
        free(piece);
        if (event != KDM_FRAME_MORE) {
            kdm_buf_printf(notes, "!%d", event);
            return;
        }
        must(rest.len == 0, "all bytes are taken");
        bytes = kdm_str_from(bytes, len);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str bytes = { .ptr = size == 0 ? "" : (const char *)data, .len = size };
    struct kdm_buf whole, cut;

    kdm_frame_is_ping(bytes);
    send_and_cut(bytes, size == 0 ? 0 : data[0] % (size + 1));
    kdm_buf_init(&whole, NULL, 256);
    kdm_buf_init(&cut, NULL, 256);
    note_all(bytes, size, &whole);
    note_all(bytes, size == 0 ? 1 : data[size - 1] % 16 + 1, &cut);
    must(kdm_str_eq(kdm_buf_str(&whole), kdm_buf_str(&cut)), "what is read depends on no cut");
    kdm_buf_fini(&whole);
    kdm_buf_fini(&cut);
    return 0;
}
