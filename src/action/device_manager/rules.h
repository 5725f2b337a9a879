/* rules.h - the rules of models and assets (reference device-manager.md 6 and 9).
 * Pure functions over JSON: no transaction, no Redis. Results are texts in the arena, canonical.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_RULES_H
#define KDM_ACTION_DEVICE_MANAGER_RULES_H

#include "json/json.h"

/* May an asset, device or group model have this name (6.2)? ASCII letters and digits, each word
 * beginning with an upper-case letter; a word may follow a digit only so, except in ordinals: 1st,
 * 22nd, 4thFloor. */
bool kdm_dm_name_is_pascal(struct kdm_str name);

/* The words of a name, in lower case, with '-' between them: words begin at an upper-case letter
 * ("myEngine", "XMLFile"), at a digit or behind one, and behind anything that is neither. Only
 * ASCII letters have a case here; other characters are kept. */
struct kdm_str kdm_dm_kebab_case(struct kdm_arena *arena, struct kdm_str name);

/* Names that stand more than once in `measures` ([{name,type}]), each once. */
struct kdm_str_list kdm_dm_duplicate_names(struct kdm_arena *arena, struct kdm_val measures);

/* Is every default value mapped (6.3)? false: *ret_unmapped is the first flattened path that is
 * not. */
bool kdm_dm_defaults_mapped(struct kdm_arena *arena, struct kdm_val mappings,
                            struct kdm_val defaults, struct kdm_str *ret_unmapped);

/* What a mapping may hold at most; more metadata in a request can't be stored and need not be
 * looked at. */
#define KDM_DM_MAX_KEYS 5000
/* Defaults that are given by dotted path; the others of a model are passed over. */
#define KDM_DM_MAX_DOTTED 256

/* How many keys of `object` are dotted paths. */
size_t kdm_dm_dotted_keys(struct kdm_arena *arena, struct kdm_val object);

/* Metadata of a new asset (9.1): every mapped top-level key null, then the defaults by path, then
 * what was given, key by key. */
struct kdm_str kdm_dm_metadata_created(struct kdm_arena *arena, struct kdm_val mappings,
                                       struct kdm_val defaults, struct kdm_val given);

/* Metadata of an existing asset whose model has changed (6.6): the mapped top-level keys, each with
 * its value or else the default or else null. */
struct kdm_str kdm_dm_metadata_propagated(struct kdm_arena *arena, struct kdm_val mappings,
                                          struct kdm_val defaults, struct kdm_val current);

/* Metadata after assets:replaceMetadata (9.1): given keys replace whole values; one that the asset
 * does not have comes in only when the model maps it. */
struct kdm_str kdm_dm_metadata_replaced(struct kdm_arena *arena, struct kdm_val mappings,
                                        struct kdm_val current, struct kdm_val given);

/* The flattened paths of `metadata` as a JSON array: what a history entry names. */
struct kdm_str kdm_dm_paths(struct kdm_arena *arena, struct kdm_val metadata);

#endif
