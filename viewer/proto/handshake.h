/*
 * The opening of a connection (RFC 6143 §7.1-7.3, VeNCrypt 0.2), both ends, free of I/O.
 *
 * The owner feeds received bytes and acts on what step() returns; what is to be sent has been put
 * into the writer. Order on X509 subtypes: HS_START_TLS, then everything further goes through TLS.
 */
#pragma once

#include "viewer/proto/rfb.h"

#define HS_MAX_CREDENTIAL 256u /* bytes of a name or a password */

enum hs_event {
	HS_MORE = 0,	/* nothing more in the window */
	HS_START_TLS,	/* send what was written, then do the TLS handshake, then step again */
	HS_CHECK_PLAIN, /* server: judge user and password, then hs_server_verdict() */
	HS_CHECK_VNC,	/* server: judge response to challenge, then hs_server_verdict() */
	HS_NEED_VNC,	/* client: compute response from challenge, then hs_client_vnc() */
	HS_CLIENT_INIT, /* server: client is in; answer with hs_server_init() */
	HS_DONE,	/* both: ordinary messages from here on */
	HS_REFUSED,	/* client: the server said no, see reason */
};

/* What a server offers. At least one must be set. */
struct hs_offer {
	bool x509_none;
	bool x509_plain;
	bool x509_vnc;
	bool open;    /* security type None, no encryption: only when switched on by name */
	bool vnc;     /* plain VNC authentication: only when switched on by name */
	bool secured; /* the transport is already TLS (wss): Plain and None are offered bare */
};

struct hs_server {
	struct hs_offer offer;
	int state;
	u32 subtype;
	int minor; /* protocol 3.minor that the client asked for */
	bool shared;
	u8 challenge[16]; /* the owner fills it with random bytes before the first step */
	u8 response[16];
	char user[HS_MAX_CREDENTIAL + 1], password[HS_MAX_CREDENTIAL + 1];
};

/* Writes the server's first bytes. */
void hs_server_begin(struct hs_server *h, struct wbuf *out);
/* Takes bytes from p[0..n); *used says how many. Returns an enum hs_event or a negative err. */
__must_check int hs_server_step(struct hs_server *h, const u8 *p, size_t n, size_t *used,
				struct wbuf *out);
/* After HS_CHECK_*. A refusal is told with the reason; the owner closes then. */
void hs_server_verdict(struct hs_server *h, bool ok, const char *reason, struct wbuf *out);
/* After HS_CLIENT_INIT. */
void hs_server_init(struct hs_server *h, u16 width, u16 height, const char *name, struct wbuf *out);

/* What a client may agree to. */
struct hs_wish {
	bool tls_only;	/* refuse anything that is not X509 (the default for desktops) */
	bool have_user; /* a user name is known: prefer Plain */
	bool have_vnc_password;
	bool secured; /* the transport is already TLS */
};

struct hs_client {
	struct hs_wish wish;
	int state;
	u32 subtype;
	int minor;
	u8 security;
	bool tls_started;
	u8 challenge[16];
	char user[HS_MAX_CREDENTIAL + 1], password[HS_MAX_CREDENTIAL + 1];
	char reason[RFB_MAX_REASON + 1];
	u16 width, height;
	struct pixel_format format;
	char name[RFB_MAX_NAME + 1];
};

__must_check int hs_client_step(struct hs_client *h, const u8 *p, size_t n, size_t *used,
				struct wbuf *out);
void hs_client_vnc(struct hs_client *h, const u8 response[16], struct wbuf *out);
