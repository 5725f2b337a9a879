/* tls.h - the certificate of the listening side. lws makes the connections; the certificate is
 * loaded here, so that a bad file is one clear line and can be replaced while the server runs.
 * Loop thread only.
 */
#ifndef KDM_NET_TLS_H
#define KDM_NET_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct kdm_tls;

/* Reads both files (PEM; the certificate's with its chain). NULL with one line in *ret_error
 * (free() it) when one is missing or malformed, or they do not belong together. Borrows the names.
 */
struct kdm_tls *kdm_tls_open(const char *cert, const char *key, char **ret_error);
/* NULL is fine. */
void kdm_tls_close(struct kdm_tls *tls);

/* Gives the certificate to the context that connections are made from; it must outlive `tls`. */
bool kdm_tls_install(struct kdm_tls *tls, SSL_CTX *context);

/* Reads the files again: for connections from now on. False, with one line in *ret_error, when they
 * are no good: then nothing has changed. */
bool kdm_tls_reload(struct kdm_tls *tls, char **ret_error);

/* Tells the client that nothing more will come (close_notify). */
void kdm_tls_say_end(SSL *connection);

#endif
