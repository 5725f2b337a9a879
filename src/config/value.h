/* value.h - one value of one option: checked, normal, stored. Private to config/. Any thread. */
#ifndef KDM_CONFIG_VALUE_H
#define KDM_CONFIG_VALUE_H

#include "base/buf.h"
#include "config/options.h"

/* `value` as `option` has it: numbers of bytes and ms as integers, "true" as true, a comma list as
 * an array. Texts are taken for any type, because variables and flags know nothing else. A new
 * reference; NULL when it is not valid. */
json_t *kdm_value_normal(const struct kdm_option *option, const json_t *value);

/* What a valid value of `option` looks like, into `buf`: "a whole number from 0 to 65535". */
void kdm_value_expected(struct kdm_buf *buf, const struct kdm_option *option);

/* A text from the outside without a known type, as Kuzzle reads variables: true, false, numbers,
 * "*json:..", else itself. A new reference; NULL when what follows "*json:" is no JSON. */
json_t *kdm_value_of_text(const char *text);

/* Writes a normal value into its field; texts are copied into the arena, objects lent from `value`.
 */
void kdm_value_store(const struct kdm_option *option, const json_t *value,
                     struct kdm_config *config);

#endif
