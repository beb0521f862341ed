/* Messages of both ends: what is written is read back, and no cut or spoilt byte is believed. */
#include "tests/stream/unit/pictures.h"

#include "viewer/proto/handshake.h"
#include "viewer/proto/native.h"

static struct wbuf w;

static int clean(void **state)
{
	wbuf_free(&w);
	return 0;
}

/* Whatever stands in w is one client message that is not there before its last byte. */
static void read_client(struct rfb_client_msg *m, u32 native_max)
{
	assert_false(w.failed);
	for (size_t cut = 0; cut < w.n; cut++)
		assert_int_equal(rfb_parse_client(w.p, cut, native_max, m), 0);
	assert_int_equal(rfb_parse_client(w.p, w.n, native_max, m), (ssize_t)w.n);
	w.n = 0;
}

static void test_client_messages(void **state)
{
	struct rfb_client_msg m;
	s32 list[] = {ENC_CAPROCK, ENC_TIGHT, ENC_EXT_CLIPBOARD};
	struct screen s[2] = {{7, {0, 0, 640, 480}, 0}, {9, {640, 0, 800, 600}, 3}};

	rfb_put_encodings(&w, list, 3);
	read_client(&m, 0);
	assert_int_equal(m.type, RFB_SET_ENCODINGS);
	assert_int_equal(m.encodings.n, 3);
	assert_memory_equal(m.encodings.list, list, sizeof(list));
	rfb_put_request(&w, true, (struct rect){1, 2, 3, 4});
	read_client(&m, 0);
	assert_true(m.request.incremental && m.request.r.h == 4);
	rfb_put_key(&w, true, 0x61, 0x1e);
	read_client(&m, 0);
	assert_true(m.type == RFB_KEY_EVENT && m.key.down && m.key.scancode == 0x1e);
	rfb_put_key(&w, false, 0x61, 0);
	read_client(&m, 0);
	assert_true(!m.key.down && m.key.keysym == 0x61 && !m.key.scancode);
	rfb_put_pointer(&w, 5, 600, 700);
	read_client(&m, 0);
	assert_true(m.pointer.buttons == 5 && m.pointer.x == 600 && m.pointer.y == 700);
	rfb_put_cut_latin1(&w, false, "text", 4);
	read_client(&m, 0);
	assert_true(!m.cut.ext && m.cut.n == 4 && !memcmp(m.cut.data, "text", 4));
	rfb_put_cut_ext(&w, false, 0x10000001, "zip", 3);
	read_client(&m, 0);
	assert_true(m.cut.ext && m.cut.flags == 0x10000001 && m.cut.n == 3);
	rfb_put_fence(&w, FENCE_REQUEST | 1, "abc", 3);
	read_client(&m, 0);
	assert_true(m.fence.flags == (FENCE_REQUEST | 1) && m.fence.n == 3);
	rfb_put_set_size(&w, 1440, 600, s, 2);
	read_client(&m, 0);
	assert_true(m.size.n == 2 && m.size.list[1].r.x == 640 && m.size.list[1].flags == 3);
	rfb_put_continuous(&w, true, (struct rect){0, 0, 9, 9});
	read_client(&m, 0);
	assert_true(m.continuous.enable);
}

static void test_client_lies(void **state)
{
	static const struct {
		u8 bytes[24];
		size_t n;
		u32 native_max;
		const char *what;
	} lies[] = {
	    {{99}, 1, 0, "an unknown message"},
	    {{6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, 8, 0, "a clipboard of two gibibytes"},
	    {{6, 0, 0, 0, 0x80, 0, 0, 0}, 8, 0, "the one length that has no positive"},
	    {{6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe}, 8, 0, "an extended clipboard without flags"},
	    {{248, 0, 0, 0, 0, 0, 0, 0, 65}, 9, 0, "a fence of 65 bytes"},
	    {{251, 0, 1, 0, 1, 0, 17, 0}, 8, 0, "17 screens"},
	    {{200, 0, 0, 1, 0, 0, 0, 0}, 8, 0, "native where none was agreed"},
	    {{200, 0, 0, 1, 0, 1, 0, 1}, 8, 65536, "a native message longer than allowed"},
	    {{0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 40, 8, 0},
	     20,
	     0,
	     "a shift past 32"},
	    {{0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0}, 20, 0, "24-bit pixels"},
	    {{255, 1}, 2, 0, "QEMU audio"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct rfb_client_msg m;

		if (rfb_parse_client(lies[i].bytes, lies[i].n, lies[i].native_max, &m) >= 0)
			fail_msg("believed: %s", lies[i].what);
	}
}

static struct rfb_client_msg native_back(void)
{
	struct rfb_client_msg m;

	read_client(&m, NATIVE_MAX_UP);
	assert_int_equal(m.type, RFB_NATIVE);
	return m;
}

static void test_native(void **state)
{
	struct native_hello h = {1, 3, 5, {1, 2, 3}}, h2;
	struct native_stats s = {1, 2, 3, 4, 5, 6, 7, 8, "name"}, s2;
	struct native_ack k = {1, 2, 3, 4}, k2;
	struct native_heads d = {1440, 600, 2, {{0, 0, 640, 480}, {640, 0, 800, 600}}}, d2;
	struct native_pointer p = {1, 2, 3, 4, -5, -6}, p2;
	s16 axes[6] = {-1, 2, -3, 4, -5, 6}, axes2[6], dx, dy;
	u32 bytes, keysym, scancode, buttons32;
	u16 buttons;
	u64 v;
	u8 channel;
	bool down;

	native_put_hello(&w, &h);
	struct rfb_client_msg m = native_back();
	assert_int_equal(native_get_hello(m.native.data, m.native.n, &h2), 0);
	assert_memory_equal(&h, &h2, sizeof(h));
	native_put_stats(&w, &s);
	m = native_back();
	assert_int_equal(native_get_stats(m.native.data, m.native.n, &s2), 0);
	assert_memory_equal(&s, &s2, sizeof(s));
	native_put_ack(&w, &k);
	m = native_back();
	assert_int_equal(native_get_ack(m.native.data, m.native.n, &k2), 0);
	assert_true(k2.seq == 1 && k2.capture_us == 4);
	native_put_heads(&w, DSP_HEADS, &d);
	m = native_back();
	assert_int_equal(native_get_heads(m.native.data, m.native.n, &d2), 0);
	assert_true(d2.width == 1440 && d2.height == 600 && d2.n == 2);
	assert_memory_equal(d.list, d2.list, 2 * sizeof(d.list[0]));
	native_put_pointer(&w, &p);
	m = native_back();
	assert_int_equal(native_get_pointer(m.native.data, m.native.n, &p2), 0);
	assert_memory_equal(&p, &p2, sizeof(p));
	native_put_six_axes(&w, axes, 7);
	m = native_back();
	assert_int_equal(native_get_six_axes(m.native.data, m.native.n, axes2, &buttons32), 0);
	assert_memory_equal(axes, axes2, sizeof(axes));
	native_put_relative(&w, -300, 300, 2);
	m = native_back();
	assert_int_equal(native_get_relative(m.native.data, m.native.n, &dx, &dy, &buttons), 0);
	assert_true(dx == -300 && dy == 300 && buttons == 2);
	native_put_key(&w, true, 9, 10);
	m = native_back();
	assert_int_equal(native_get_key(m.native.data, m.native.n, &down, &keysym, &scancode), 0);
	assert_true(down && keysym == 9 && scancode == 10);
	native_put_credit(&w, CH_DISPLAY, 77);
	m = native_back();
	assert_int_equal(native_get_credit(m.native.data, m.native.n, &channel, &bytes), 0);
	assert_true(channel == CH_DISPLAY && bytes == 77);
	native_put_u64(&w, CH_CONTROL, CTL_PING, 0x123456789abcdefull);
	m = native_back();
	assert_int_equal(native_get_u64(m.native.data, m.native.n, &v), 0);
	assert_true(v == 0x123456789abcdefull);
	/* One byte less or more is another message. */
	for (s64 off = -1; off <= 1; off += 2) {
		u32 n = (u32)((s64)m.native.n + off);
		assert_true(native_get_u64(m.native.data, n, &v) < 0);
		assert_true(native_get_key(m.native.data, n, &down, &keysym, &scancode) < 0);
	}
}

static void test_native_pictures(void **state)
{
	u8 mask[64] = {0xaa};
	struct native_commit c = {.seq = 5, .capture_us = 6, .n = 1}, c2;
	struct native_copy k[2] = {{1, 2, {3, 4, 5, 6}}, {7, 8, {9, 10, 11, 12}}};
	u16 count;

	c.video[0] = (struct native_video){0, VIDEO_H264_444, true, {64, 16, 128, 32}, mask, 1};
	native_put_commit(&w, &c);
	struct rfb_client_msg m = native_back();
	assert_int_equal(native_get_commit(m.native.data, m.native.n, 192, 48, &c2), 0);
	assert_true(c2.seq == 5 && c2.n == 1 && c2.video[0].key && c2.video[0].mask[0] == 0xaa);
	assert_int_equal(native_get_commit(m.native.data, m.native.n, 191, 48, &c2), ERR_RANGE);
	c.video[0].r.x = 65; /* off the grid */
	native_put_commit(&w, &c);
	m = native_back();
	assert_int_equal(native_get_commit(m.native.data, m.native.n, 1920, 1080, &c2), ERR_RANGE);
	c.video[0].r.x = 64;
	c.video[0].stream = NATIVE_MAX_HEADS;
	native_put_commit(&w, &c);
	m = native_back();
	assert_int_equal(native_get_commit(m.native.data, m.native.n, 1920, 1080, &c2),
			 ERR_CORRUPT);

	native_put_copies(&w, k, 2);
	m = native_back();
	assert_int_equal(native_check_copies(m.native.data, m.native.n, 20, 22, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(native_get_copy(m.native.data, 1).to.h, 12);
	assert_int_equal(native_check_copies(m.native.data, m.native.n, 19, 22, &count), ERR_RANGE);
	assert_int_equal(native_check_copies(m.native.data, m.native.n - 1, 20, 22, &count),
			 ERR_CORRUPT);
}

/* Both ends of the opening talk to each other, in pieces of any size. */
static int converse(struct hs_server *s, struct hs_client *c, size_t piece)
{
	struct wbuf up = {0}, down = {0};
	int result = 0;

	hs_server_begin(s, &down);
	for (int turn = 0; turn < 5000 && !result; turn++) {
		size_t used, eaten, n = down.n < piece ? down.n : piece;
		int e = hs_client_step(c, down.p, n, &used, &up);
		u8 response[16] = {0};

		wbuf_eat(&down, used);
		eaten = used;
		if (e < 0 || e == HS_REFUSED || e == HS_DONE)
			result = e < 0 ? e : e;
		if (e == HS_NEED_VNC) {
			memcpy(response, c->challenge, 16);
			hs_client_vnc(c, response, &up);
		}
		n = up.n < piece ? up.n : piece;
		e = hs_server_step(s, up.p, n, &used, &down);
		wbuf_eat(&up, used);
		if (e < 0 && e != ERR_BUSY)
			result = e; /* after its refusal it is not to be asked again */
		if (e == HS_CHECK_PLAIN)
			hs_server_verdict(s, !strcmp(s->password, "right"), "wrong", &down);
		if (e == HS_CHECK_VNC)
			hs_server_verdict(s, !memcmp(s->response, s->challenge, 16), "wrong",
					  &down);
		if (e == HS_CLIENT_INIT)
			hs_server_init(s, 640, 480, "name", &down);
		if (!eaten && !used)
			piece++; /* a message longer than the piece must come whole */
	}
	wbuf_free(&up);
	wbuf_free(&down);
	return result;
}

static void test_opening(void **state)
{
	static const struct {
		struct hs_offer offer;
		struct hs_wish wish;
		const char *password;
		int result;
		u32 subtype;
	} cases[] = {
	    {{.x509_none = true}, {.tls_only = true}, "", HS_DONE, VEN_X509_NONE},
	    {{.x509_plain = true},
	     {.tls_only = true, .have_user = true},
	     "right",
	     HS_DONE,
	     VEN_X509_PLAIN},
	    {{.x509_plain = true},
	     {.tls_only = true, .have_user = true},
	     "wrong",
	     HS_REFUSED,
	     VEN_X509_PLAIN},
	    {{.x509_vnc = true},
	     {.tls_only = true, .have_vnc_password = true},
	     "",
	     HS_DONE,
	     VEN_X509_VNC},
	    {{.open = true}, {.tls_only = true}, "", HS_REFUSED, 0},
	    {{.open = true}, {.tls_only = false}, "", HS_DONE, 0},
	    {{.vnc = true}, {.tls_only = false, .have_vnc_password = true}, "", HS_DONE, 0},
	    {{.x509_plain = true, .secured = true},
	     {.secured = true, .have_user = true},
	     "right",
	     HS_DONE,
	     VEN_PLAIN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t piece = 1; piece < 40; piece += 13) {
			struct hs_server s = {.offer = cases[i].offer,
					      .challenge = "0123456789abcde"};
			struct hs_client c = {.wish = cases[i].wish, .user = "me"};

			strcpy(c.password, cases[i].password);
			int got = converse(&s, &c, piece);
			if (got != cases[i].result || s.subtype != cases[i].subtype)
				fail_msg("case %zu in pieces of %zu: result %d, subtype %u", i,
					 piece, got, s.subtype);
			if (got == HS_DONE)
				assert_true(c.width == 640 && !strcmp(c.name, "name"));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_client_messages, clean),
	    cmocka_unit_test_teardown(test_client_lies, clean),
	    cmocka_unit_test_teardown(test_native, clean),
	    cmocka_unit_test_teardown(test_native_pictures, clean),
	    cmocka_unit_test_teardown(test_opening, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
