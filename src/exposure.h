/* exposure.h - what whoever starts a server should know before others find it out: that everybody
 * may do everything, or may by another vendor's API. Loudly, on stderr, where others than this
 * machine reach it and nobody has said that this is known (--i-know); else in the log. */
#ifndef KDM_EXPOSURE_H
#define KDM_EXPOSURE_H

struct kdm_config;
struct kdm_dialects;
struct kdm_security_state;

struct kdm_exposure {
    const struct kdm_config *config;
    const struct kdm_dialects *dialects;
    const struct kdm_security_state *security; /* as it was found at the start */
    int port;
};

void kdm_exposure_warn(const struct kdm_exposure *exposure);

#endif
