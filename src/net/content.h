/* content.h - what a request's body is: packed (Content-Encoding), a form, in some character set.
 * From here on all bodies are the same. Pure functions, any thread.
 */
#ifndef KDM_NET_CONTENT_H
#define KDM_NET_CONTENT_H

#include "net/net.h"
#include "net/reader.h"

/* Everything that can be said without the body. KDM_OK, or why it is refused, with *ret_prop for
 * the error's text. `any_media`: whatever Content-Type says. */
enum kdm_err kdm_content_check(struct kdm_arena *arena, const struct kdm_reader *reader,
                               const struct kdm_net_options *options, bool any_media,
                               struct kdm_str *ret_prop);

/* The body without its packing, and a form as JSON text: *ret_body, a slice of the reader's body
 * or of *ret_made, a heap buffer that the caller ends when its ptr is not NULL. Both are untouched
 * unless KDM_OK. Behind kdm_content_check(). */
enum kdm_err kdm_content_read(struct kdm_arena *arena, const struct kdm_reader *reader,
                              const struct kdm_net_options *options, struct kdm_buf *ret_made,
                              struct kdm_str *ret_body, struct kdm_str *ret_prop);

#endif
