/* step.h - one step of a request's way: private to api/. */
#ifndef KDM_API_STEP_H
#define KDM_API_STEP_H

#include <stdbool.h>

struct kdm_request;

/* How a step ended. */
enum kdm_step_result {
    KDM_STEP_NEXT, /* go on */
    KDM_STEP_WAIT, /* something is under way that will call kdm_request_resume() */
    KDM_STEP_DONE, /* it is decided: go on with the closing steps */
};

struct kdm_step {
    const char *name; /* for the log */
    enum kdm_step_result (*run)(struct kdm_request *request);
    bool kuzzle;  /* not of requests that came in by a door (door.h) */
    bool closing; /* also runs when a step before it ended with DONE */
};

#endif
