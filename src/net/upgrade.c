/* upgrade.c - see upgrade.h. */
#include "net/upgrade.h"

#include "net/squeeze.h"
#include <openssl/evp.h>
#include <openssl/sha.h>

#define KEY_LEN 24 /* 16 bytes in base64 */

static bool has_item(struct kdm_str list, struct kdm_str item)
{
    struct kdm_str found;

    while (kdm_head_next_item(&list, &found)) {
        if (kdm_str_eq_nocase(found, item))
            return true;
    }
    return false;
}

static bool is_key(struct kdm_str key)
{
    unsigned char bytes[KEY_LEN / 4 * 3];

    return key.len == KEY_LEN && key.ptr[KEY_LEN - 3] != '=' && key.ptr[KEY_LEN - 2] == '='
           && key.ptr[KEY_LEN - 1] == '='
           && EVP_DecodeBlock(bytes, (const unsigned char *)key.ptr, KEY_LEN) == sizeof(bytes);
}

static void put_accept(struct kdm_buf *buf, struct kdm_str key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char text[KEY_LEN + sizeof(guid) - 1], digest[SHA_DIGEST_LENGTH];
    unsigned char accept[(SHA_DIGEST_LENGTH + 2) / 3 * 4 + 1];

    memcpy(text, key.ptr, KEY_LEN);
    memcpy(text + KEY_LEN, guid, sizeof(guid) - 1);
    SHA1(text, sizeof(text), digest);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    kdm_buf_lit(buf, "Sec-WebSocket-Accept: ");
    kdm_buf_put(buf, kdm_str_of((const char *)accept));
    kdm_buf_lit(buf, "\r\n");
}

static enum kdm_upgrade_result refuse(struct kdm_upgrade *upgrade, int status, const char *reason)
{
    upgrade->status = status;
    upgrade->reason = reason;
    return KDM_UPGRADE_REFUSED;
}

enum kdm_upgrade_result kdm_upgrade_check(struct kdm_arena *arena, const struct kdm_reader *request,
                                          bool may_squeeze, struct kdm_upgrade *ret_upgrade)
{
    const struct kdm_str *headers = request->headers;
    struct kdm_str subprotocol = kdm_head_item(headers[KDM_HEADER_WS_PROTOCOL], 0), extension;

    memset(ret_upgrade, 0, sizeof(*ret_upgrade));
    if (!has_item(headers[KDM_HEADER_UPGRADE], KDM_STR("websocket"))
        || !has_item(headers[KDM_HEADER_CONNECTION], KDM_STR("upgrade")))
        return KDM_UPGRADE_NONE;
    if (!kdm_str_eq(request->verb, KDM_STR("GET")) || request->http_1_0 || request->has_body)
        return refuse(ret_upgrade, 400, "a WebSocket begins with a GET of HTTP/1.1 without a body");
    if (!kdm_str_eq(headers[KDM_HEADER_WS_VERSION], KDM_STR("13")))
        return refuse(ret_upgrade, 426, "Sec-WebSocket-Version must be 13");
    if (!is_key(headers[KDM_HEADER_WS_KEY]))
        return refuse(ret_upgrade, 400, "Sec-WebSocket-Key must be 16 bytes in base64");
    if (!kdm_str_none(subprotocol) && !kdm_head_is_token(subprotocol))
        return refuse(ret_upgrade, 400, "Sec-WebSocket-Protocol is malformed");
    kdm_buf_init(&ret_upgrade->head, arena, 256);
    kdm_buf_lit(&ret_upgrade->head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\n");
    put_accept(&ret_upgrade->head, headers[KDM_HEADER_WS_KEY]);
    if (!kdm_str_none(subprotocol))
        kdm_head_put(&ret_upgrade->head, KDM_STR("Sec-WebSocket-Protocol"), subprotocol);
    ret_upgrade->squeeze = may_squeeze
                           && kdm_squeeze_agree(arena, headers[KDM_HEADER_WS_EXTENSIONS],
                                                &extension, &ret_upgrade->window);
    if (ret_upgrade->squeeze)
        kdm_head_put(&ret_upgrade->head, KDM_STR("Sec-WebSocket-Extensions"), extension);
    kdm_buf_lit(&ret_upgrade->head, "\r\n");
    return KDM_UPGRADE_TAKEN;
}
