#include <string.h>

#include "viewer/proto/handshake.h"

#define GO_ON (-1000) /* a step is done, the next may follow in the same window */

enum {
	S_VERSION,
	S_SECURITY,
	S_VEN_VERSION,
	S_VEN_SUBTYPE,
	S_TLS,
	S_PLAIN,
	S_VNC,
	S_VERDICT,
	S_CLIENT_INIT,
	S_INIT,
	S_DONE,
};

void hs_server_begin(struct hs_server *h, struct wbuf *out)
{
	h->state = S_VERSION;
	put_bytes(out, "RFB 003.008\n", 12);
}

static bool offers_vencrypt(const struct hs_offer *o)
{
	return o->x509_none || o->x509_plain || o->x509_vnc;
}

static u8 list_subtypes(const struct hs_offer *o, u32 *list)
{
	u8 n = 0;

	if (o->x509_plain)
		list[n++] = o->secured ? VEN_PLAIN : VEN_X509_PLAIN;
	if (o->x509_vnc && !o->secured)
		list[n++] = VEN_X509_VNC;
	if (o->x509_none && !o->secured)
		list[n++] = VEN_X509_NONE;
	return n;
}

static u8 list_security(const struct hs_offer *o, u8 *list)
{
	u32 sub[4];
	u8 n = 0;

	if (offers_vencrypt(o) && list_subtypes(o, sub))
		list[n++] = SEC_VENCRYPT;
	if (o->vnc)
		list[n++] = SEC_VNC;
	if (o->open || (o->secured && o->x509_none))
		list[n++] = SEC_NONE;
	return n;
}

static void put_reason(struct wbuf *out, const char *text)
{
	put_u32(out, (u32)strlen(text));
	put_bytes(out, text, strlen(text));
}

static int version(struct hs_server *h, struct rbuf *r, struct wbuf *out)
{
	const u8 *v = get_bytes(r, 12);
	u8 list[4], n;

	if (!v)
		return HS_MORE;
	if (memcmp(v, "RFB 003.", 8) || v[11] != '\n')
		return ERR_CORRUPT;
	/* 3.3 lets the server choose alone and knows no VeNCrypt; 3.7 lacks the result of None. */
	h->minor = memcmp(v + 8, "008", 3) >= 0 ? 8 : memcmp(v + 8, "007", 3) == 0 ? 7 : 3;
	n = list_security(&h->offer, list);
	if (h->minor == 3) {
		u8 pick = h->offer.vnc ? SEC_VNC : h->offer.open ? SEC_NONE : 0;

		put_u32(out, pick);
		if (!pick) {
			put_reason(out, "this server needs an RFB 3.8 client with VeNCrypt");
			return ERR_VERSION;
		}
		if (pick == SEC_VNC)
			put_bytes(out, h->challenge, 16);
		h->state = pick == SEC_VNC ? S_VNC : S_CLIENT_INIT;
		return GO_ON;
	}
	put_u8(out, n);
	put_bytes(out, list, n);
	h->state = S_SECURITY;
	return GO_ON;
}

/* After None in any wrapping: 3.8 wants a result word, 3.7 only after authentication. */
static void passed(struct hs_server *h, struct wbuf *out)
{
	if (h->minor >= 8)
		put_u32(out, 0);
	h->state = S_CLIENT_INIT;
}

static int security(struct hs_server *h, struct rbuf *r, struct wbuf *out)
{
	u8 list[4], n = list_security(&h->offer, list);
	u8 pick = get_u8(r);

	if (r->starved)
		return HS_MORE;
	if (!memchr(list, pick, n))
		return ERR_CORRUPT;
	switch (pick) {
	case SEC_VENCRYPT:
		put_u8(out, 0);
		put_u8(out, 2);
		h->state = S_VEN_VERSION;
		break;
	case SEC_VNC:
		put_bytes(out, h->challenge, 16);
		h->state = S_VNC;
		break;
	default:
		passed(h, out);
		break;
	}
	return GO_ON;
}

static int ven_version(struct hs_server *h, struct rbuf *r, struct wbuf *out)
{
	u8 major = get_u8(r), minor = get_u8(r);
	u32 list[4];

	if (r->starved)
		return HS_MORE;
	if (major != 0 || minor != 2) {
		put_u8(out, 255);
		return ERR_VERSION;
	}
	put_u8(out, 0);
	u8 n = list_subtypes(&h->offer, list);
	put_u8(out, n);
	for (u8 i = 0; i < n; i++)
		put_u32(out, list[i]);
	h->state = S_VEN_SUBTYPE;
	return GO_ON;
}

static void after_tls(struct hs_server *h, struct wbuf *out)
{
	switch (h->subtype) {
	case VEN_X509_NONE:
		passed(h, out);
		break;
	case VEN_X509_VNC:
		put_bytes(out, h->challenge, 16);
		h->state = S_VNC;
		break;
	default:
		h->state = S_PLAIN;
		break;
	}
}

static int ven_subtype(struct hs_server *h, struct rbuf *r, struct wbuf *out)
{
	u32 list[4], pick = get_u32(r);
	bool found = false;

	if (r->starved)
		return HS_MORE;
	u8 n = list_subtypes(&h->offer, list);
	for (u8 i = 0; i < n; i++)
		found |= list[i] == pick;
	if (!found) {
		put_u8(out, 0);
		return ERR_CORRUPT;
	}
	h->subtype = pick;
	if (pick == VEN_PLAIN) {
		h->state = S_PLAIN;
		return GO_ON;
	}
	put_u8(out, 1);
	h->state = S_TLS;
	return HS_START_TLS;
}

static int plain(struct hs_server *h, struct rbuf *r)
{
	u32 user = get_u32(r), pass = get_u32(r);

	if (r->starved)
		return HS_MORE;
	if (user > HS_MAX_CREDENTIAL || pass > HS_MAX_CREDENTIAL)
		return ERR_RANGE;
	const u8 *u = get_bytes(r, user), *p = get_bytes(r, pass);
	if (r->starved)
		return HS_MORE;
	memcpy(h->user, u, user);
	h->user[user] = 0;
	memcpy(h->password, p, pass);
	h->password[pass] = 0;
	if (strlen(h->user) != user || strlen(h->password) != pass)
		return ERR_CORRUPT;
	h->state = S_VERDICT;
	return HS_CHECK_PLAIN;
}

int hs_server_step(struct hs_server *h, const u8 *p, size_t n, size_t *used, struct wbuf *out)
{
	*used = 0;
	for (;;) {
		struct rbuf r = rbuf_of(p + *used, n - *used);
		int e;

		switch (h->state) {
		case S_VERSION:
			e = version(h, &r, out);
			break;
		case S_SECURITY:
			e = security(h, &r, out);
			break;
		case S_VEN_VERSION:
			e = ven_version(h, &r, out);
			break;
		case S_VEN_SUBTYPE:
			e = ven_subtype(h, &r, out);
			break;
		case S_TLS:
			after_tls(h, out);
			e = GO_ON;
			break;
		case S_PLAIN:
			e = plain(h, &r);
			break;
		case S_VNC: {
			const u8 *b = get_bytes(&r, 16);
			e = HS_MORE;
			if (b) {
				memcpy(h->response, b, 16);
				h->state = S_VERDICT;
				e = HS_CHECK_VNC;
			}
			break;
		}
		case S_CLIENT_INIT:
			h->shared = get_u8(&r) != 0;
			e = HS_MORE;
			if (!r.starved) {
				h->state = S_INIT;
				e = HS_CLIENT_INIT;
			}
			break;
		case S_DONE:
			return HS_DONE;
		default:
			return ERR_BUSY; /* a verdict or an init is owed first */
		}
		if (e == HS_MORE)
			return HS_MORE;
		*used += r.at;
		if (e != GO_ON)
			return e;
	}
}

void hs_server_verdict(struct hs_server *h, bool ok, const char *reason, struct wbuf *out)
{
	put_u32(out, ok ? 0 : 1);
	if (!ok && h->minor >= 8)
		put_reason(out, reason);
	explicit_bzero(h->password, sizeof(h->password));
	h->state = ok ? S_CLIENT_INIT : S_VERDICT;
}

void hs_server_init(struct hs_server *h, u16 width, u16 height, const char *name, struct wbuf *out)
{
	size_t n = strnlen(name, RFB_MAX_NAME);

	put_u16(out, width);
	put_u16(out, height);
	rfb_put_format(out, &rfb_bgrx);
	put_u32(out, (u32)n);
	put_bytes(out, name, n);
	h->state = S_DONE;
}
