/* requests.h - API requests that plugins make: between native.h's services and the API. Loop thread only. */
#ifndef KDM_PLUGIN_REQUESTS_H
#define KDM_PLUGIN_REQUESTS_H

#include "api/api.h"
#include "plugin/native.h"

struct kdm_plugin_requests;

/* Fills *ret_services, which lend what is returned. */
struct kdm_plugin_requests *kdm_plugin_requests_create(struct kdm_api *api, struct kdm_tx_engine *engine,
                                                       struct kdm_plugin_services *ret_services);

/* What is still running is cut loose: its done functions are called with a 503. Before kdm_api_destroy(). NULL is
 * fine. */
void kdm_plugin_requests_stop(struct kdm_plugin_requests *requests);
/* Stops, frees. NULL is fine. */
void kdm_plugin_requests_destroy(struct kdm_plugin_requests *requests);

#endif
