/* What a client says: its wishes, what is on screen, what the person does. */
#include "viewer/client/client.h"
#include "viewer/proto/clip.h"

void client_begin(struct client *c)
{
	s32 list[40];
	u16 n = 0;
	struct rect all = {0, 0, c->hs.width, c->hs.height};

	put_u8(&c->net.out, RFB_SET_PIXEL_FORMAT);
	put_zero(&c->net.out, 3);
	rfb_put_format(&c->net.out, &rfb_bgrx);
	if (!c->conf->plain)
		list[n++] = ENC_CAPROCK;
	list[n++] = ENC_COPYRECT;
	list[n++] = c->conf->encoding;
	list[n++] = ENC_TIGHT;
	list[n++] = ENC_ZRLE;
	list[n++] = ENC_RAW;
	if (c->conf->quality >= 0)
		list[n++] = ENC_JPEG_QUALITY_0 + c->conf->quality;
	list[n++] = ENC_DESKTOP_SIZE;
	list[n++] = ENC_EXT_DESKTOP_SIZE;
	list[n++] = ENC_LAST_RECT;
	list[n++] = ENC_CURSOR_ALPHA;
	list[n++] = ENC_CURSOR;
	list[n++] = ENC_QEMU_KEYS;
	list[n++] = ENC_LED_STATE;
	list[n++] = ENC_EXT_CLIPBOARD;
	list[n++] = ENC_DESKTOP_NAME;
	list[n++] = ENC_CONTINUOUS;
	list[n++] = ENC_FENCE;
	rfb_put_encodings(&c->net.out, list, n);
	rfb_put_request(&c->net.out, false, all);
}

void client_shown(struct client *c, u32 present_us)
{
	struct native_ack a = {c->seq, c->decode_us, present_us, c->capture_us};

	c->present_us = present_us;
	c->committed = false;
	tileset_clear(&c->painted);
	if (!c->ack_owed || c->state != CLIENT_IN)
		return;
	c->ack_owed = false;
	native_put_ack(&c->net.out, &a);
	if (net_flush(&c->net))
		c->net.closed = true;
}

static void out(struct client *c)
{
	if (net_flush(&c->net))
		c->net.closed = true;
}

void client_key(struct client *c, bool down, u32 keysym, u32 scancode)
{
	if (c->state != CLIENT_IN)
		return;
	u8 *held = &c->held[scancode & 255], how = *held;

	if (!how)
		how = c->native || c->qemu_keys ? HELD_BY_CODE : HELD_BY_SYM;
	*held = down ? how : 0;
	if (c->native)
		native_put_key(&c->net.out, down, keysym, scancode);
	else
		rfb_put_key(&c->net.out, down, keysym, how == HELD_BY_CODE ? scancode : 0);
	out(c);
}

void client_pointer(struct client *c, u16 x, u16 y, u16 buttons)
{
	struct native_pointer p = {
	    .x = x, .y = y, .buttons = buttons, .pressure = buttons & 1 ? 0xffff : 0};

	if (c->pen.near) {
		p.buttons |= POINTER_PEN | (c->pen.eraser ? POINTER_ERASER : 0);
		p.pressure = c->pen.pressure;
		p.tilt_x = c->pen.tilt_x;
		p.tilt_y = c->pen.tilt_y;
	}
	c->pointed = p;
	if (c->state != CLIENT_IN)
		return;
	if (c->native)
		native_put_pointer(&c->net.out, &p);
	else
		rfb_put_pointer(&c->net.out, (u8)buttons, x, y);
	out(c);
}

void client_pen(struct client *c, const struct pen_state *pen)
{
	c->pen = *pen;
	if (c->native)
		client_pointer(c, c->pointed.x, c->pointed.y, c->pointed.buttons & 0x1ff);
}

void client_six_axes(struct client *c, const s16 axes[NATIVE_AXES], u32 buttons)
{
	if (c->state != CLIENT_IN || !c->native || !(c->features & FEAT_SIX_AXES))
		return;
	native_put_six_axes(&c->net.out, axes, buttons);
	out(c);
}

void client_relative(struct client *c, s16 dx, s16 dy, u16 buttons)
{
	if (c->state != CLIENT_IN || !c->native)
		return;
	native_put_relative(&c->net.out, dx, dy, buttons);
	out(c);
}

void client_release_all(struct client *c)
{
	if (c->state != CLIENT_IN)
		return;
	if (c->native)
		native_put_bytes(&c->net.out, CH_INPUT, INP_RELEASE, NULL, 0);
	else if (c->pointed.buttons) /* keys are the owner's to let go of */
		client_pointer(c, c->pointed.x, c->pointed.y, 0);
	c->pointed.buttons = 0;
	out(c);
}

void client_clipboard(struct client *c, const char *text, u32 n)
{
	if (c->state != CLIENT_IN || n > NATIVE_MAX_UP)
		return;
	if (c->native) {
		native_put_bytes(&c->net.out, CH_CLIPBOARD, 1, text, n);
	} else if (c->ext_clipboard) {
		wbuf_free(&c->own_text);
		put_bytes(&c->own_text, text, n);
		if (!c->own_text.failed)
			clip_put_word(&c->net.out, false, CLIP_NOTIFY);
	} else {
		clip_put_latin1(&c->net.out, false, text, n);
	}
	out(c);
}

void client_want_stats(struct client *c, bool on)
{
	u8 v = on;

	if (c->state != CLIENT_IN || !c->native)
		return;
	native_put_bytes(&c->net.out, CH_CONTROL, CTL_STATS, &v, 1);
	out(c);
}

void client_want_size(struct client *c, u16 w, u16 h)
{
	struct native_heads want = {w, h, 1, {{0, 0, w, h}}};

	if (c->state != CLIENT_IN || !w || !h)
		return;
	if (c->native)
		native_put_heads(&c->net.out, DSP_SET_SIZE, &want);
	else
		rfb_put_set_size(&c->net.out, w, h, &(struct screen){0, {0, 0, w, h}, 0}, 1);
	out(c);
}
