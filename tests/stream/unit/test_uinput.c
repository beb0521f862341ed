/* What the virtual devices are made of, and the events that messages become, as the kernel gets them. */
#include "tests/stream/unit/pictures.h"

#include <fcntl.h>
#include <linux/uinput.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/input/input.h"
#include "viewer/agent/seat.h"

#define MOST 16 /* devices */

/* A device as it was described, and the pipe that its events come by. */
static struct device {
	int read, write;
	char name[64];
	bool keys[KEY_MAX + 1], abs[ABS_MAX + 1], made;
	struct input_absinfo range[ABS_MAX + 1];
} devices[MOST];
static u32 count;

int seat_connect(const char *path, int *fd)
{
	*fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? ERR_IO : 0;
}

int seat_ask(int fd, enum seat_kind kind, u32 value, struct seat_answer *a, int *got_fd)
{
	int ends[2];

	assert_int_equal(kind, SEAT_UINPUT);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	devices[count++] = (struct device){.read = ends[0], .write = ends[1]};
	*got_fd = ends[1];
	return 0;
}

int __wrap_ioctl(int fd, unsigned long what, ...);
int __wrap_ioctl(int fd, unsigned long what, ...)
{
	struct device *d = NULL;
	va_list ap;

	va_start(ap, what);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	for (u32 i = 0; i < count; i++)
		if (devices[i].write == fd)
			d = &devices[i];
	assert_true(d && !d->made);
	switch (what) {
	case UI_SET_KEYBIT:
		d->keys[(uintptr_t)arg] = true;
		return 0;
	case UI_ABS_SETUP: {
		const struct uinput_abs_setup *s = arg;
		assert_true(d->abs[s->code]);
		d->range[s->code] = s->absinfo;
		return 0;
	}
	case UI_SET_ABSBIT:
		d->abs[(uintptr_t)arg] = true;
		return 0;
	case UI_DEV_SETUP:
		snprintf(d->name, sizeof(d->name), "%s", ((const struct uinput_setup *)arg)->name);
		return 0;
	case UI_DEV_CREATE:
		d->made = true;
		return 0;
	default:
		return 0;
	}
}

static struct device *named(const char *name)
{
	for (u32 i = 0; i < count; i++)
		if (!strcmp(devices[i].name, name))
			return &devices[i];
	fail_msg("there is no device '%s'", name);
	return NULL;
}

/* Events of a device as text: "type code value, ...; " up to each report. All must be its own. */
static const char *said(struct device *d)
{
	static char text[2048];
	struct input_event e;
	size_t n = 0;

	*text = 0;
	while (read(d->read, &e, sizeof(e)) == sizeof(e)) {
		if (e.type == EV_ABS) {
			assert_true(d->abs[e.code] && e.value >= d->range[e.code].minimum &&
				    e.value <= d->range[e.code].maximum);
		} else if (e.type == EV_KEY) {
			assert_true(d->keys[e.code]);
		}
		if (e.type == EV_SYN)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "; ");
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%u %x %d, ", e.type,
					      e.code, e.value);
	}
	return text;
}

static struct input *in;

static int setup(void **state)
{
	char why[256] = "";

	count = 0;
	in = input_uinput.open(NULL, why, sizeof(why));
	assert_non_null(in);
	input_uinput.resize(in, 101, 51);
	return 0;
}

static int teardown(void **state)
{
	input_uinput.close(in);
	for (u32 i = 0; i < count; i++)
		close(devices[i].read);
	return 0;
}

static void test_pen(void **state)
{
	struct device *pen = named("Caprock pen"), *pointer = named("Caprock pointer");
	struct native_pointer p = {
	    .x = 50, .y = 25, .buttons = POINTER_PEN, .tilt_x = 3000, .tilt_y = -4567};

	assert_true(pen->made && pen->range[ABS_X].resolution && pen->range[ABS_TILT_X].resolution);
	input_uinput.pointer(in, &p); /* near */
	assert_string_equal(said(pen),
			    "1 140 1, 3 0 32768, 3 1 32768, 3 18 0, 3 1a 30, 3 1b -45, ; ");
	p.buttons |= 1;
	p.pressure = 12345;
	input_uinput.pointer(in, &p); /* down */
	assert_string_equal(said(pen),
			    "3 0 32768, 3 1 32768, 3 18 12345, 3 1a 30, 3 1b -45, 1 14a 1, ; ");
	p.pressure = 65535;
	p.buttons = POINTER_PEN | 4;
	p.tilt_x = 32767;	      /* no pen leans so far */
	input_uinput.pointer(in, &p); /* up, a button on it pressed */
	assert_string_equal(
	    said(pen), "3 0 32768, 3 1 32768, 3 18 65535, 3 1a 90, 3 1b -45, 1 14a 0, 1 14b 1, ; ");
	p.buttons = POINTER_PEN | POINTER_ERASER;
	p.pressure = 0;
	input_uinput.pointer(in, &p); /* turned around: one end leaves before the other comes */
	assert_string_equal(said(pen),
			    "3 18 0, 1 14a 0, 1 14b 0, 1 14c 0, 1 140 0, ; 1 141 1, 3 0 32768, "
			    "3 1 32768, 3 18 0, 3 1a 90, 3 1b -45, ; ");
	assert_string_equal(said(pointer), ""); /* the mouse has not moved */
	p.buttons = 1;
	p.x = 0;
	input_uinput.pointer(in, &p); /* a mouse takes over */
	assert_string_equal(said(pen), "3 18 0, 1 14a 0, 1 14b 0, 1 14c 0, 1 141 0, ; ");
	assert_string_equal(said(pointer), "3 0 0, 3 1 32768, 1 110 1, ; ");
}

static void test_pen_is_released(void **state)
{
	struct device *pen = named("Caprock pen");
	struct native_pointer p = {.buttons = POINTER_PEN | 1, .pressure = 100};

	input_uinput.pointer(in, &p);
	said(pen);
	input_uinput.release(in);
	assert_string_equal(said(pen), "3 18 0, 1 14a 0, 1 14b 0, 1 14c 0, 1 140 0, ; ");
	input_uinput.release(in);
	assert_string_equal(said(pen), "");
}

static void test_six_axes(void **state)
{
	struct device *d = named("Caprock six-axes controller");
	static const s16 axes[6] = {1, -2, 32767, -32767, 5, 0}, least[6] = {-32768};

	input_uinput.six_axes(in, axes, 0x8001);
	assert_string_equal(said(d), "3 0 1, 3 1 -2, 3 2 32767, 3 3 -32767, 3 4 5, 3 5 0, 1 2c0 1, "
				     "1 2cf 1, ; ");
	input_uinput.six_axes(in, least, 0x8000); /* said() looks that it is within its range */
	assert_non_null(strstr(said(d), "3 0 -32767, "));
	input_uinput.release(in);
	assert_string_equal(said(d), "3 0 0, 3 1 0, 3 2 0, 3 3 0, 3 4 0, 3 5 0, 1 2cf 0, ; ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_pen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pen_is_released, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_six_axes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
