#include "server/http/tls.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "server/common/fail.h"

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

/* As strong as RSA of 2048 bits, or a curve of 224. */
static cir_status check_strength(const char *file, int algorithm, unsigned n_bits, cir_error *err)
{
    if (gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)algorithm, n_bits) >= GNUTLS_SEC_PARAM_MEDIUM)
        return CIR_OK;
    return cir__fail(err, CIR_ARGUMENT,
                     "%s: its key, %s of %u bits, is too weak; take RSA of 2048 or more, or "
                     "P-256",
                     file, gnutls_pk_algorithm_get_name((gnutls_pk_algorithm_t)algorithm), n_bits);
}

static cir_status check_dates(const char *file, gnutls_x509_crt_t certificate, cir_error *err)
{
    time_t now = time(NULL);
    if (now > gnutls_x509_crt_get_expiration_time(certificate))
        return cir__fail(err, CIR_ARGUMENT, "%s: the certificate is no longer valid; renew it", file);
    return CIR_OK;
}

static cir_status check_pair(const char *certificate_file, gnutls_x509_crt_t certificate,
                             const char *key_file, gnutls_x509_privkey_t key, cir_error *err)
{
    unsigned char of_certificate[64];
    unsigned char of_key[64];
    size_t n_certificate = sizeof of_certificate;
    size_t n_key = sizeof of_key;
    if (gnutls_x509_crt_get_key_id(certificate, 0, of_certificate, &n_certificate) != 0 ||
        gnutls_x509_privkey_get_key_id(key, 0, of_key, &n_key) != 0 || n_key != n_certificate ||
        memcmp(of_key, of_certificate, n_key) != 0)
        return cir__fail(err, CIR_ARGUMENT, "%s: is not the key of the certificate in %s", key_file,
                         certificate_file);
    return CIR_OK;
}

cir_status cir__tls_check(const char *certificate_file, const char *certificate, const char *key_file,
                          const char *key, cir_error *err)
{
    gnutls_x509_crt_t first = NULL;
    gnutls_x509_privkey_t secret = NULL;
    gnutls_datum_t of_certificate = datum(certificate);
    gnutls_datum_t of_key = datum(key);
    cir_status status = CIR_OK;
    if (gnutls_x509_crt_init(&first) != 0 || gnutls_x509_privkey_init(&secret) != 0) {
        status = cir__refuse_memory(err);
        goto done;
    }
    int code = gnutls_x509_crt_import(first, &of_certificate, GNUTLS_X509_FMT_PEM);
    if (code != 0) {
        status = cir__fail(err, CIR_ARGUMENT, "%s: is not a certificate in PEM form: %s", certificate_file,
                           gnutls_strerror(code));
        goto done;
    }
    code = gnutls_x509_privkey_import2(secret, &of_key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code != 0) {
        status = cir__fail(err, CIR_ARGUMENT, "%s: is not a key in PEM form without a password: %s", key_file,
                           gnutls_strerror(code));
        goto done;
    }
    unsigned n_bits = 0;
    int algorithm = gnutls_x509_privkey_get_pk_algorithm2(secret, &n_bits);
    status = check_strength(key_file, algorithm, n_bits, err);
    if (status == CIR_OK)
        status = check_pair(certificate_file, first, key_file, secret, err);
    if (status == CIR_OK)
        status = check_dates(certificate_file, first, err);
done:
    gnutls_x509_crt_deinit(first);
    gnutls_x509_privkey_deinit(secret);
    return status;
}
