/* What a client reads: the opening, then updates in every encoding, and the native display. */
#include <string.h>

#include "viewer/client/client.h"

static void opening(const u8 *p, size_t n)
{
	struct hs_client h = {.wish = {n & 1, n & 2, n & 4, n & 8}, .user = "u", .password = "p"};
	struct wbuf out = {0};
	u8 response[16] = {0};
	size_t at = 0;

	for (int i = 0; i < 20; i++) {
		size_t used;
		int e = hs_client_step(&h, p + at, n - at, &used, &out);

		if (used > n - at)
			__builtin_trap();
		at += used;
		if (e < 0 || e == HS_MORE || e == HS_DONE || e == HS_REFUSED)
			break;
		if (e == HS_NEED_VNC)
			hs_client_vnc(&h, response, &out);
	}
	wbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);
int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static struct client_conf conf;
	struct client c = {.conf = &conf, .state = CLIENT_IN, .net.fd = -1};
	struct native_heads h = {200, 120, 1, {{0, 0, 200, 120}}};
	size_t at = 1;

	if (!n)
		return 0;
	opening(data + 1, n - 1);
	c.native = data[0] & 1;
	c.sound.offered = data[0] & 2;
	client_sound_init(&c);
	c.net.out.limit = 16u << 20;
	if (zrle_dec_init(&c.zrle) || tight_dec_init(&c.tight) || exact_dec_init(&c.exact_dec) ||
	    client_resize(&c, &h))
		__builtin_trap();
	while (at < n) {
		ssize_t used = client_message(&c, data + at, n - at);

		if (used <= 0)
			break;
		if ((size_t)used > n - at)
			__builtin_trap();
		at += (size_t)used;
		/* Every picture is shown at once; what waited behind it is handled. */
		c.committed = false;
		if (client_play(&c))
			break;
		/* Larger pictures only cost time here. */
		if (c.canvas.w * c.canvas.h > 1u << 20)
			break;
	}
	zrle_dec_free(&c.zrle);
	tight_dec_free(&c.tight);
	exact_dec_free(&c.exact_dec);
	open_h264_free(&c.h264);
	for (u32 i = 0; i < NATIVE_MAX_HEADS; i++) {
		video_dec_close(c.video[i]);
		wbuf_free(&c.au[i]);
	}
	wbuf_free(&c.later);
	wbuf_free(&c.net.out);
	client_close(&c, false);
	return 0;
}
