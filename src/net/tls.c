/* tls.c - see tls.h. */
#include "net/tls.h"

#include "base/arena.h"
#include "base/log.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

struct kdm_tls {
    const char *cert, *key;
    SSL_CTX *context; /* lws's; lent */
};

static char *line(const char *what, const char *file)
{
    unsigned long code = ERR_peek_error(); /* the others say only where it happened */
    const char *reason =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    char *text = NULL;

    if (asprintf(&text, "TLS: %s %s: %s", what, file, reason == NULL ? "no PEM file" : reason) < 0)
        kdm_oom(0);
    ERR_clear_error();
    return text;
}

/* A key with a password would be asked for on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf, (void)size, (void)rwflag, (void)ctx;
    return -1;
}

static bool load(const struct kdm_tls *tls, SSL_CTX *context, char **ret_error)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, tls->cert) != 1)
        *ret_error = line("can't read the certificate", tls->cert);
    else if (SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM) != 1)
        *ret_error = line("can't use the key", tls->key);
    else if (SSL_CTX_check_private_key(context) != 1)
        *ret_error = line("the certificate does not belong to the key", tls->key);
    else
        return true;
    return false;
}

/* Are the files good? Asked of a context of its own, because one in use keeps what was loaded
 * before an error. */
static bool try_files(const struct kdm_tls *tls, char **ret_error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool good;

    if (context == NULL)
        kdm_oom(0);
    good = load(tls, context, ret_error);
    SSL_CTX_free(context);
    return good;
}

struct kdm_tls *kdm_tls_open(const char *cert, const char *key, char **ret_error)
{
    struct kdm_tls *tls = kdm_zalloc(sizeof(*tls));

    tls->cert = cert;
    tls->key = key;
    if (try_files(tls, ret_error))
        return tls;
    free(tls);
    return NULL;
}

void kdm_tls_close(struct kdm_tls *tls)
{
    free(tls);
}

/* It is used all the same: a server with an old certificate is better than none. */
static void warn_when_expired(const struct kdm_tls *tls)
{
    const X509 *cert = SSL_CTX_get0_certificate(tls->context);

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        kdm_log_warn("TLS: the certificate in %s has expired", tls->cert);
}

bool kdm_tls_install(struct kdm_tls *tls, SSL_CTX *context)
{
    char *error = NULL;
    bool good =
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && load(tls, context, &error);

    tls->context = context;
    free(error);
    if (good)
        warn_when_expired(tls);
    return good;
}

bool kdm_tls_reload(struct kdm_tls *tls, char **ret_error)
{
    if (!try_files(tls, ret_error) || !load(tls, tls->context, ret_error))
        return false;
    warn_when_expired(tls);
    return true;
}

void kdm_tls_say_end(SSL *connection)
{
    SSL_shutdown(connection); /* what it says about the client's own end does not matter */
    ERR_clear_error();
}
