/* What a server reads: the opening, then messages, RFB's and the native ones. */
#include <string.h>

#include "viewer/proto/handshake.h"
#include "viewer/proto/native.h"

static void opening(const u8 *p, size_t n)
{
	struct hs_server h = {.offer = {.x509_none = true,
					.x509_plain = true,
					.x509_vnc = true,
					.open = true,
					.vnc = true,
					.secured = n & 1}};
	struct wbuf out = {0};
	size_t at = 0;

	hs_server_begin(&h, &out);
	for (int i = 0; i < 20; i++) {
		size_t used;
		int e = hs_server_step(&h, p + at, n - at, &used, &out);

		if (used > n - at)
			__builtin_trap();
		at += used;
		if (e < 0 || e == HS_MORE || e == HS_DONE)
			break;
		if (e == HS_CHECK_PLAIN || e == HS_CHECK_VNC)
			hs_server_verdict(&h, n & 2, "no", &out);
		if (e == HS_CLIENT_INIT)
			hs_server_init(&h, 64, 64, "name", &out);
	}
	wbuf_free(&out);
}

static void native(const struct rfb_client_msg *m)
{
	const u8 *p = m->native.data;
	u32 n = m->native.n, a, b;
	struct native_hello hello;
	struct native_ack ack;
	struct native_heads heads;
	struct native_pointer pointer;
	s16 axes[6], dx, dy;
	u16 buttons;
	u64 v;
	u8 channel;
	bool down;

	(void)!native_get_hello(p, n, &hello);
	(void)!native_get_u64(p, n, &v);
	(void)!native_get_credit(p, n, &channel, &a);
	(void)!native_get_ack(p, n, &ack);
	if (!native_get_heads(p, n, &heads) && heads.n > NATIVE_MAX_HEADS)
		__builtin_trap();
	(void)!native_get_key(p, n, &down, &a, &b);
	(void)!native_get_pointer(p, n, &pointer);
	(void)!native_get_relative(p, n, &dx, &dy, &buttons);
	(void)!native_get_six_axes(p, n, axes, &a);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);
int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static struct rfb_client_msg m;
	size_t at = 0;

	opening(data, n);
	while (at < n) {
		ssize_t used = rfb_parse_client(data + at, n - at, NATIVE_MAX_UP, &m);

		if (used <= 0)
			break;
		if ((size_t)used > n - at)
			__builtin_trap();
		if (m.type == RFB_NATIVE)
			native(&m);
		at += (size_t)used;
	}
	return 0;
}
