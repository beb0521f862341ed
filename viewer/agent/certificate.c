/* The agent's certificate: from a CA, or made on first start and pinned by viewers. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"

#define VALID_S (10ll * 365 * 86400)

static int write_private(const char *path, const gnutls_datum_t *d)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int e = 0;

	if (fd < 0)
		return ERR_IO;
	if (write(fd, d->data, d->size) != (ssize_t)d->size || fsync(fd))
		e = ERR_IO;
	close(fd);
	return e;
}

static int make(const char *cert_path, const char *key_path)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t c = {0}, k = {0};
	char host[256] = "localhost";
	u8 serial[16];
	int e = ERR_IO;

	gethostname(host, sizeof(host) - 1);
	if (gnutls_x509_privkey_init(&key) < 0 || gnutls_x509_crt_init(&crt) < 0 ||
	    gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) < 0 ||
	    gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)) < 0)
		goto out;
	serial[0] &= 0x7f;
	if (gnutls_x509_crt_set_version(crt, 3) < 0 || gnutls_x509_crt_set_key(crt, key) < 0 ||
	    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) < 0 ||
	    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600) < 0 ||
	    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + VALID_S) < 0 ||
	    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, host,
					  (unsigned)strlen(host)) < 0 ||
	    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, host,
						 (unsigned)strlen(host), GNUTLS_FSAN_SET) < 0 ||
	    gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) < 0 ||
	    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &c) < 0 ||
	    gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &k) < 0)
		goto out;
	unlink(key_path);
	unlink(cert_path);
	if (!write_private(key_path, &k) && !write_private(cert_path, &c))
		e = 0;
out:
	if (k.data)
		explicit_bzero(k.data, k.size);
	gnutls_free(c.data);
	gnutls_free(k.data);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (key)
		gnutls_x509_privkey_deinit(key);
	return e;
}

static void print_fingerprint(const char *path)
{
	gnutls_datum_t pem = {0};
	gnutls_x509_crt_t crt = NULL;
	u8 sum[32];
	size_t n = sizeof(sum);
	char text[32 * 3 + 1];

	if (gnutls_load_file(path, &pem) < 0 || gnutls_x509_crt_init(&crt) < 0)
		goto out;
	if (gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM) < 0 ||
	    gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, sum, &n) < 0)
		goto out;
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(text + i * 3, 4, "%02x%s", sum[i], i + 1 < sizeof(sum) ? ":" : "");
	agent_log("certificate fingerprint (SHA-256) %s", text);
out:
	if (crt)
		gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
}

int certificate_load(struct agent *a, char *error, size_t n)
{
	char cert[512], key[512];

	if (*a->conf.certificate) {
		snprintf(cert, sizeof(cert), "%s", a->conf.certificate);
		snprintf(key, sizeof(key), "%s", a->conf.key);
	} else {
		if (mkdir(a->conf.state, 0700) < 0 && errno != EEXIST) {
			snprintf(error, n, "cannot make the folder %s: %m", a->conf.state);
			return ERR_IO;
		}
		snprintf(cert, sizeof(cert), "%s/certificate.pem", a->conf.state);
		snprintf(key, sizeof(key), "%s/key.pem", a->conf.state);
		if ((access(cert, R_OK) || access(key, R_OK)) && make(cert, key)) {
			snprintf(error, n, "cannot make a certificate in %s: %m", a->conf.state);
			return ERR_IO;
		}
	}
	if (gnutls_certificate_allocate_credentials(&a->cred) < 0)
		return ERR_NOMEM;
	int e = gnutls_certificate_set_x509_key_file(a->cred, cert, key, GNUTLS_X509_FMT_PEM);
	if (e < 0) {
		snprintf(error, n, "certificate %s with key %s: %s", cert, key, gnutls_strerror(e));
		return ERR_CORRUPT;
	}
	print_fingerprint(cert);
	return 0;
}
