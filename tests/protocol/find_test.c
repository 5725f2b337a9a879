/* find_test.c - every action of the generated table is found, and nothing else is.
 * check.py compiles it with the generated table and with stubs for the actions. Prints the time of
 * one look-up, since each request pays for one.
 */
#include "api/action.h"
#include <stdio.h>
#include <time.h>

#define ROUNDS 2000

static unsigned failures;

static void check(bool condition, const char *what, const char *controller, const char *action)
{
    if (condition)
        return;
    failures++;
    fprintf(stderr, "%s: %s:%s\n", what, controller, action);
}

static const struct kdm_action *find(const char *controller, const char *action, bool *ret_known)
{
    return kdm_action_find(kdm_str_of(controller), kdm_str_of(action), ret_known);
}

static void every_row_is_found_by_its_asked_names(void)
{
    for (size_t i = 0; i < kdm_action_count; i++) {
        const struct kdm_action *row = &kdm_actions[i];
        bool known = false;

        check(row->number == i, "wrong number", row->asked_controller, row->asked_action);
        check(find(row->asked_controller, row->asked_action, &known) == row && known, "not found",
              row->asked_controller, row->asked_action);
    }
}

static void what_is_not_there_is_not_found(void)
{
    static const struct {
        const char *controller, *action;
        bool known;
    } absent[] = {
        { "document", "creat", true },     { "document", "created", true },
        { "document", "", true },          { "", "", false },
        { "", "document", false },         { "documentcreate", "", false },
        { "documen", "tcreate", false },   { "index", "getAutoRefresh", true },
        { "memoryStorage", "nope", true }, { "device-manager/asset", "get", true },
    };

    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        bool known = !absent[i].known;

        check(find(absent[i].controller, absent[i].action, &known) == NULL
                  && known == absent[i].known,
              "found", absent[i].controller, absent[i].action);
    }
}

static void routes_lead_to_rows(void)
{
    for (size_t i = 0; i < kdm_route_count; i++)
        check(kdm_routes[i].action < kdm_action_count
                  || kdm_actions[kdm_routes[i].action].run == NULL,
              "route", kdm_routes[i].verb, kdm_routes[i].path);
}

static double nanoseconds_a_look_up(void)
{
    struct timespec from, to;
    size_t found = 0;

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < kdm_action_count; i++) {
            bool known;

            found +=
                find(kdm_actions[i].asked_controller, kdm_actions[i].asked_action, &known) != NULL;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    check(found == ROUNDS * kdm_action_count, "lost one", "", "");
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec))
           / (double)found;
}

int main(void)
{
    every_row_is_found_by_its_asked_names();
    what_is_not_there_is_not_found();
    routes_lead_to_rows();
    printf("%.0f ns a look-up, two strlen included\n", nanoseconds_a_look_up());
    return failures == 0 ? 0 : 1;
}
