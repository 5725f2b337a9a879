/* single.h - one node, and a connection of the test's own to see what it leaves in Redis. For tests only. */
#ifndef KDM_TESTS_STORE_SINGLE_H
#define KDM_TESTS_STORE_SINGLE_H

#include "world.h"

static uv_loop_t loop;
static struct server redis;
static struct node node;
static redisContext *direct;

static void setup(void)
{
    uv_loop_init(&loop);
    server_open(&redis, NULL, NULL);
    node_start(&node, &loop, redis.url, "node-a");
    direct = look_in(&redis);
}

static void teardown(void)
{
    redisFree(direct);
    node_stop(&node);
    loop_end(&loop);
    server_kill(&redis);
}

#endif
