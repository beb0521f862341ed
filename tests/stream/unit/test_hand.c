/* What a person does beside keys and the mouse, and hears: six axes, a pen, the mute key, sound. */
#include "tests/stream/unit/pictures.h"

#include <sys/socket.h>
#include <unistd.h>

#include "viewer/client/axes.h"

static struct client_conf conf;
static struct client c;
static int far = -1;
static u8 bytes[4096];

static int setup(void **state)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	c = (struct client){
	    .conf = &conf, .state = CLIENT_IN, .native = true, .features = FEAT_SIX_AXES};
	net_init(&c.net, ends[0]);
	client_sound_init(&c);
	far = ends[1];
	return 0;
}

static int teardown(void **state)
{
	client_close(&c, true);
	close(far);
	return 0;
}

/* The next message that the agent would get; false: there is none. */
static bool next(struct rfb_client_msg *m)
{
	static size_t at, n;

	if (at == n) {
		ssize_t got = recv(far, bytes, sizeof(bytes), 0);
		at = 0;
		n = got > 0 ? (size_t)got : 0;
	}
	if (at == n)
		return false;
	ssize_t used = rfb_parse_client(bytes + at, n - at, NATIVE_MAX_UP, m);
	assert_true(used > 0);
	at += (size_t)used;
	return true;
}

static struct axes a;

/* Lets time pass until the stick is due, and returns whether something was said of it. */
static bool turn(bool focused, s16 axes[6], u32 *buttons)
{
	static struct rfb_client_msg m;

	u64 due = axes_due(&a), now = client_now();
	if (due > now)
		usleep((useconds_t)(due - now));
	axes_tick(&a, &c, focused);
	if (!next(&m))
		return false;
	assert_true(m.type == RFB_NATIVE && m.native.channel == CH_INPUT &&
		    m.native.kind == INP_SIX_AXES);
	assert_int_equal(native_get_six_axes(m.native.data, m.native.n, axes, buttons), 0);
	return true;
}

static void test_axes(void **state)
{
	SDL_VirtualJoystickDesc d = {.version = SDL_VIRTUAL_JOYSTICK_DESC_VERSION,
				     .type = SDL_JOYSTICK_TYPE_UNKNOWN,
				     .naxes = 6,
				     .nbuttons = 15,
				     .vendor_id = 0x256f,
				     .product_id = 0xc635,
				     .name = "SpaceMouse Compact"};
	s16 axes[6];
	u32 buttons;

	SDL_SetHint(SDL_HINT_JOYSTICK_ALLOW_BACKGROUND_EVENTS, "1");
	axes_open(&a);
	assert_true(a.ready);
	assert_false(turn(true, axes, &buttons)); /* none is there */
	assert_null(a.stick);
	int index = SDL_JoystickAttachVirtualEx(&d);
	assert_true(index >= 0);
	assert_false(turn(true, axes, &buttons)); /* found, at rest */
	assert_non_null(a.stick);
	SDL_JoystickSetVirtualAxis(a.stick, 0, 12000);
	SDL_JoystickSetVirtualAxis(a.stick, 5, -32768);
	SDL_JoystickSetVirtualAxis(a.stick, 2, 150); /* trembles */
	SDL_JoystickSetVirtualButton(a.stick, 1, 1);
	assert_true(turn(true, axes, &buttons));
	assert_true(axes[0] == 12000 && axes[5] == -32768 && !axes[1] && !axes[2] && buttons == 2);
	assert_false(turn(true, axes, &buttons)); /* nothing new is not said again */
	assert_true(turn(false, axes, &buttons)); /* another window has the keyboard: at rest */
	assert_true(!axes[0] && !axes[5] && !buttons);
	assert_true(turn(true, axes, &buttons));
	assert_int_equal(axes[0], 12000);
	SDL_JoystickDetachVirtual(index); /* pulled out: at rest, too */
	assert_true(turn(true, axes, &buttons));
	assert_true(!axes[0] && !buttons && !a.stick);
	/* An agent that has no such device is told nothing. */
	static const s16 some[6] = {1};
	struct rfb_client_msg m;
	c.features = 0;
	client_six_axes(&c, some, 0);
	assert_false(next(&m));
	axes_close(&a);
	SDL_Quit();
}

static void test_which(void **state)
{
	assert_true(axes_known(0x256f, 1, NULL));
	assert_true(axes_known(0x046d, 0xc626, "3Dconnexion SpaceNavigator"));
	assert_true(axes_known(0, 4, "Caprock six-axes controller"));
	assert_false(axes_known(0x046d, 0xc52b, "Logitech USB Receiver"));
	assert_false(axes_known(0x054c, 0x0ce6, "Wireless Controller"));
}

static void pointer(struct native_pointer *p)
{
	static struct rfb_client_msg m;

	assert_true(next(&m));
	assert_true(m.type == RFB_NATIVE && m.native.kind == INP_POINTER);
	assert_int_equal(native_get_pointer(m.native.data, m.native.n, p), 0);
}

static void test_pen(void **state)
{
	struct pen p = {.ndev = 2,
			.dev = {{7, false, {{2, 0, 2047}, {3, -64, 63}, {4, -64, 63}}},
				{8, true, {{2, 0, 65535}, {-1, 0, 0}, {-1, 0, 0}}}}};
	/* x, y, pressure, tilts; then pressure alone; then what no tablet may say. */
	static const double first[] = {500, 400, 1023.5, 30, -45}, second[] = {2047},
			    third[] = {-9, 1e300, -1e300};
	struct native_pointer got;

	assert_true(pen_take(&p, 7, (const u8[]){0x1f}, 1, first));
	assert_true(p.state.near && !p.state.eraser && p.state.pressure == 32768 &&
		    p.state.tilt_x == 3000 && p.state.tilt_y == -4500);
	client_pen(&c, &p.state);
	pointer(&got);
	client_pointer(&c, 30, 40, 1);
	pointer(&got);
	assert_true(got.buttons == (POINTER_PEN | 1) && got.pressure == 32768 &&
		    got.tilt_x == 3000 && got.x == 30);
	assert_true(pen_take(&p, 7, (const u8[]){0x04, 0}, 2, second));
	client_pen(&c, &p.state); /* pressed harder, not moved */
	pointer(&got);
	assert_true(got.pressure == 65535 && got.x == 30 && got.y == 40 &&
		    got.buttons == (POINTER_PEN | 1));
	assert_false(pen_take(&p, 7, (const u8[]){0x04}, 1, second));
	assert_true(pen_take(&p, 7, (const u8[]){0x1c}, 1, third));
	assert_true(p.state.pressure == 0 && p.state.tilt_x <= 9000 && p.state.tilt_y >= -9000);
	assert_true(pen_take(&p, 8, (const u8[]){0x04}, 1, second));
	assert_true(p.state.eraser && p.state.pressure == 2047);
	assert_true(pen_take(&p, 99, (const u8[]){0x01}, 1, second)); /* a mouse */
	client_pen(&c, &p.state);
	pointer(&got);
	assert_true(!p.state.near && got.buttons == 1 && got.pressure == 0xffff && !got.tilt_x);
}

static int hear(const struct native_sound *s)
{
	struct wbuf w = {0};

	native_put_sound(&w, s);
	int e =
	    client_native(&c, CH_AUDIO, AUD_DATA, w.p + NATIVE_HEADER, (u32)w.n - NATIVE_HEADER);
	wbuf_free(&w);
	return e;
}

static void test_ears(void **state)
{
	static const u8 format[8] = {0, 0, 0xbb, 0x80, 2}, bad[8] = {0, 0, 0xac, 0x44, 2};
	struct sound_enc *e = sound_enc_open(64);
	s16 pcm[SOUND_FRAME * SOUND_CHANNELS];
	u8 packet[NATIVE_MAX_OPUS], junk = 0xff;
	struct native_sound s = {.position = 0xfffffe20u, .capture_us = 1000000, .packet = packet};
	static struct rfb_client_msg m;

	for (u32 i = 0; i < ARRAY_SIZE(pcm); i++)
		pcm[i] = (s16)(i * 997);
	int n = sound_enc_put(e, pcm, packet, sizeof(packet));
	assert_true(n > 0);
	s.n = (u32)n;
	/* Nobody asked; then before its format, and formats that are none of ours. */
	assert_true(client_native(&c, CH_AUDIO, AUD_FORMAT, format, 8) < 0);
	c.sound.offered = true;
	assert_true(hear(&s) < 0);
	assert_true(client_native(&c, CH_AUDIO, AUD_FORMAT, bad, 8) < 0);
	assert_true(client_native(&c, CH_AUDIO, AUD_FORMAT, format, 7) < 0);
	assert_int_equal(client_native(&c, CH_AUDIO, AUD_FORMAT, format, 8), 0);
	assert_int_equal(hear(&s), 0);
	assert_true(c.sound.jitter.fill == SOUND_FRAME && c.sound.end_us == 1010000);
	/* Positions go round; two packets left out in the middle of sound are made up, seconds are not. */
	s.position = 2 * SOUND_FRAME;
	assert_int_equal(hear(&s), 0);
	assert_int_equal(c.sound.jitter.fill, 4 * SOUND_FRAME);
	s.position += SOUND_RATE * 5;
	assert_int_equal(hear(&s), 0);
	assert_int_equal(c.sound.jitter.fill, 5 * SOUND_FRAME);
	/* Silence begins; what comes after it leaves no hole. */
	s.n = 0;
	assert_int_equal(hear(&s), 0);
	assert_true(c.sound.jitter.ended);
	s.n = (u32)n;
	s.position += 3 * SOUND_FRAME;
	assert_int_equal(hear(&s), 0);
	assert_int_equal(c.sound.jitter.fill, 6 * SOUND_FRAME);
	s.packet = &junk;
	s.n = 1;
	assert_true(hear(&s) < 0);
	/* Muted, it asks the agent to send no more, and nothing that waits is heard. */
	client_mute(&c, true);
	assert_true(next(&m) && m.native.channel == CH_AUDIO && m.native.kind == AUD_ON &&
		    m.native.n == 1 && m.native.data[0] == 0);
	assert_int_equal(c.sound.jitter.fill, 0);
	client_mute(&c, false);
	assert_true(next(&m) && m.native.data[0] == 1);
	sound_enc_close(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_axes, setup, teardown),
	    cmocka_unit_test(test_which),
	    cmocka_unit_test_setup_teardown(test_pen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ears, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
