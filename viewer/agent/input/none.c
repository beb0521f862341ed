/* Input that goes nowhere: view-only agents and the test source. */
#include "viewer/agent/input/input.h"

static char place;

static struct input *none_open(const char *target, char *error, size_t n)
{
	return (struct input *)&place;
}

static void none_close(struct input *i)
{
}

static void none_key(struct input *i, bool down, u32 keysym, u32 scancode)
{
}

static void none_pointer(struct input *i, const struct native_pointer *p)
{
}

static void none_relative(struct input *i, s16 dx, s16 dy, u16 buttons)
{
}

static void none_six_axes(struct input *i, const s16 axes[6], u32 buttons)
{
}

static void none_resize(struct input *i, u16 w, u16 h)
{
}

static int none_fd(struct input *i)
{
	return -1;
}

static bool none_locks(struct input *i, u8 *locks)
{
	return false;
}

const struct input_ops input_none = {
    .name = "none",
    .open = none_open,
    .close = none_close,
    .key = none_key,
    .pointer = none_pointer,
    .relative = none_relative,
    .six_axes = none_six_axes,
    .release = none_close,
    .resize = none_resize,
    .fd = none_fd,
    .locks = none_locks,
};
