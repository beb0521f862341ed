#include <stdio.h>
#include <string.h>

#include "viewer/proto/handshake.h"

#define GO_ON (-1000) /* a step is done, the next may follow in the same window */

enum {
	C_VERSION,
	C_SECURITY,
	C_VEN_VERSION,
	C_VEN_ACK,
	C_VEN_SUBTYPES,
	C_TLS_ACK,
	C_TLS,
	C_VNC,
	C_VNC_OWED,
	C_RESULT,
	C_REASON,
	C_INIT,
	C_DONE,
};

static int version(struct hs_client *h, struct rbuf *r, struct wbuf *out)
{
	const u8 *v = get_bytes(r, 12);

	if (!v)
		return HS_MORE;
	if (memcmp(v, "RFB 003.", 8) || v[11] != '\n')
		return ERR_CORRUPT;
	h->minor = memcmp(v + 8, "008", 3) >= 0 ? 8 : memcmp(v + 8, "007", 3) == 0 ? 7 : 3;
	put_bytes(out,
		  h->minor == 8	  ? "RFB 003.008\n"
		  : h->minor == 7 ? "RFB 003.007\n"
				  : "RFB 003.003\n",
		  12);
	h->state = C_SECURITY;
	return GO_ON;
}

static int refuse(struct hs_client *h, const char *why)
{
	snprintf(h->reason, sizeof(h->reason), "%s", why);
	return HS_REFUSED;
}

static int picked(struct hs_client *h, struct wbuf *out)
{
	switch (h->security) {
	case SEC_VENCRYPT:
		h->state = C_VEN_VERSION;
		break;
	case SEC_VNC:
		h->state = C_VNC;
		break;
	default:
		if (h->minor < 8) {
			put_u8(out, 1);
			h->state = C_INIT;
		} else {
			h->state = C_RESULT;
		}
		break;
	}
	return GO_ON;
}

static int security(struct hs_client *h, struct rbuf *r, struct wbuf *out)
{
	bool clear_ok = !h->wish.tls_only || h->wish.secured;

	if (h->minor == 3) {
		u32 type = get_u32(r);

		if (r->starved)
			return HS_MORE;
		h->security = (u8)type;
		if (!type) {
			h->state = C_REASON;
			return GO_ON;
		}
		if (!clear_ok)
			return refuse(h, "the server offers no encryption; --insecure allows that");
		if (type != SEC_NONE && type != SEC_VNC)
			return ERR_UNSUPPORTED;
		return picked(h, out);
	}
	u8 n = get_u8(r);
	if (!r->starved && !n) {
		h->state = C_REASON;
		return GO_ON;
	}
	const u8 *list = get_bytes(r, n);
	if (!list)
		return HS_MORE;
	if (memchr(list, SEC_VENCRYPT, n))
		h->security = SEC_VENCRYPT;
	else if (!clear_ok)
		return refuse(h, "the server offers no encryption; --insecure allows that");
	else if (memchr(list, SEC_NONE, n))
		h->security = SEC_NONE;
	else if (memchr(list, SEC_VNC, n))
		h->security = SEC_VNC;
	else
		return refuse(h, "the server offers no way of authentication known here");
	put_u8(out, h->security);
	return picked(h, out);
}

static int ven_subtypes(struct hs_client *h, struct rbuf *r, struct wbuf *out)
{
	u8 n = get_u8(r);
	u32 best = 0, rank = 0;

	for (u8 i = 0; i < n; i++) {
		u32 s = get_u32(r), v = 0;

		if (s == VEN_X509_PLAIN && h->wish.have_user)
			v = 4;
		else if (s == VEN_X509_NONE)
			v = 3;
		else if (s == VEN_X509_VNC && h->wish.have_vnc_password)
			v = 2;
		else if (s == VEN_X509_PLAIN)
			v = 2;
		else if (s == VEN_PLAIN && h->wish.secured)
			v = 1;
		if (v > rank) {
			rank = v;
			best = s;
		}
	}
	if (r->starved)
		return HS_MORE;
	if (!best)
		return refuse(h,
			      "the server offers encryption only without a certificate, or none");
	put_u32(out, best);
	h->subtype = best;
	h->state = C_TLS_ACK;
	if (best == VEN_PLAIN)
		h->state = C_TLS;
	return GO_ON;
}

static int after_tls(struct hs_client *h, struct wbuf *out)
{
	switch (h->subtype) {
	case VEN_X509_NONE:
		h->state = C_RESULT;
		if (h->minor < 8) {
			put_u8(out, 1);
			h->state = C_INIT;
		}
		return GO_ON;
	case VEN_X509_VNC:
		h->state = C_VNC;
		return GO_ON;
	default:
		put_u32(out, (u32)strlen(h->user));
		put_u32(out, (u32)strlen(h->password));
		put_bytes(out, h->user, strlen(h->user));
		put_bytes(out, h->password, strlen(h->password));
		h->state = C_RESULT;
		return GO_ON;
	}
}

static int result(struct hs_client *h, struct rbuf *r, struct wbuf *out)
{
	u32 v = get_u32(r);

	if (r->starved)
		return HS_MORE;
	if (v) {
		if (h->minor < 8)
			return refuse(h, "authentication failed");
		h->state = C_REASON;
		return GO_ON;
	}
	put_u8(out, 1); /* shared: the server's own policy decides */
	h->state = C_INIT;
	return GO_ON;
}

static int reason(struct hs_client *h, struct rbuf *r)
{
	u32 n = get_u32(r);

	if (!r->starved && n > RFB_MAX_REASON)
		return ERR_RANGE;
	const u8 *text = get_bytes(r, n);
	if (r->starved)
		return HS_MORE;
	if (n)
		memcpy(h->reason, text, n);
	h->reason[n] = 0;
	return HS_REFUSED;
}

static int init(struct hs_client *h, struct rbuf *r)
{
	h->width = get_u16(r);
	h->height = get_u16(r);
	const u8 *f = get_bytes(r, 16);
	u32 n = get_u32(r);

	if (r->starved)
		return HS_MORE;
	if (n > RFB_MAX_NAME || rfb_parse_format(f, 16, &h->format) <= 0)
		return ERR_RANGE;
	if (h->width > RFB_MAX_SIDE || h->height > RFB_MAX_SIDE ||
	    (u32)h->width * h->height > RFB_MAX_PIXELS)
		return ERR_RANGE;
	const u8 *name = get_bytes(r, n);
	if (!name)
		return HS_MORE;
	memcpy(h->name, name, n);
	h->name[n] = 0;
	h->state = C_DONE;
	return HS_DONE;
}

int hs_client_step(struct hs_client *h, const u8 *p, size_t n, size_t *used, struct wbuf *out)
{
	*used = 0;
	for (;;) {
		struct rbuf r = rbuf_of(p + *used, n - *used);
		int e;

		switch (h->state) {
		case C_VERSION:
			e = version(h, &r, out);
			break;
		case C_SECURITY:
			e = security(h, &r, out);
			break;
		case C_VEN_VERSION: {
			u8 major = get_u8(&r), minor = get_u8(&r);
			e = HS_MORE;
			if (!r.starved) {
				if (major == 0 && minor < 2)
					return ERR_VERSION;
				put_u8(out, 0);
				put_u8(out, 2);
				h->state = C_VEN_ACK;
				e = GO_ON;
			}
			break;
		}
		case C_VEN_ACK:
		case C_TLS_ACK: {
			u8 ok = get_u8(&r);
			bool want = h->state == C_TLS_ACK;
			e = HS_MORE;
			if (!r.starved) {
				if ((ok != 0) != want)
					return ERR_CORRUPT;
				e = want ? HS_START_TLS : GO_ON;
				h->state = want ? C_TLS : C_VEN_SUBTYPES;
				h->tls_started |= want;
			}
			break;
		}
		case C_VEN_SUBTYPES:
			e = ven_subtypes(h, &r, out);
			break;
		case C_TLS:
			e = after_tls(h, out);
			break;
		case C_VNC: {
			const u8 *b = get_bytes(&r, 16);
			e = HS_MORE;
			if (b) {
				memcpy(h->challenge, b, 16);
				h->state = C_VNC_OWED;
				e = HS_NEED_VNC;
			}
			break;
		}
		case C_RESULT:
			e = result(h, &r, out);
			break;
		case C_REASON:
			e = reason(h, &r);
			break;
		case C_INIT:
			e = init(h, &r);
			break;
		case C_DONE:
			return HS_DONE;
		default:
			return ERR_BUSY;
		}
		if (e == HS_MORE)
			return HS_MORE;
		*used += r.at;
		if (e != GO_ON)
			return e;
	}
}

void hs_client_vnc(struct hs_client *h, const u8 response[16], struct wbuf *out)
{
	put_bytes(out, response, 16);
	h->state = C_RESULT;
}
