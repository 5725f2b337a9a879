/* net_echo.c - net/ with an API that echoes: what the edge costs by itself, to be held against
 * lws_echo.
 *
 *   net_echo [PORT]      0 or none: any free one; prints the port
 */
#include "net/net.h"
#include <stdio.h>
#include <stdlib.h>

void kdm_api_message(struct kdm_api *api, struct kdm_peer *peer, struct kdm_str text)
{
    (void)api;
    peer->ops->send(peer, text);
}

void kdm_api_http(struct kdm_api *api, struct kdm_peer *peer,
                  const struct kdm_http_request *request)
{
    struct kdm_http_response response = { .status = 200, .body = request->body };

    (void)api;
    peer->ops->respond(peer, &response);
}

void kdm_api_room(struct kdm_api *api, struct kdm_peer *peer)
{
    (void)api;
    (void)peer;
}

void kdm_api_gone(struct kdm_api *api, struct kdm_peer *peer)
{
    (void)api;
    (void)peer;
}

bool kdm_api_is_foreign(struct kdm_api *api, struct kdm_arena *arena, struct kdm_str verb,
                        struct kdm_str path)
{
    (void)api, (void)arena, (void)verb, (void)path;
    return false;
}

/* Nothing is foreign, so nobody asks. */
void kdm_api_put_refusal(struct kdm_api *api, struct kdm_arena *arena, struct kdm_str verb,
                         struct kdm_str path, const struct kdm_failure *failure,
                         struct kdm_buf *body, int *ret_status)
{
    (void)api, (void)arena, (void)verb, (void)path, (void)failure, (void)body;
    *ret_status = 500;
}

int main(int argc, char **argv)
{
    struct kdm_net_options options = { .host = "127.0.0.1",
                                       .port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0,
                                       .allow_compression = true,
                                       .node = KDM_STR("knode-echo") };
    char *error = NULL;
    struct kdm_net *net = kdm_net_open(uv_default_loop(), NULL, &options, &error);

    if (net == NULL) {
        fprintf(stderr, "net_echo: %s\n", error);
        free(error);
        return 1;
    }
    printf("%d\n", kdm_net_port(net));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
