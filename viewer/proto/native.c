/* Messages of the native extension, written. */
#include "viewer/proto/native.h"

size_t native_begin(struct wbuf *w, u8 channel, u16 kind)
{
	put_u8(w, RFB_NATIVE);
	put_u8(w, channel);
	put_u16(w, kind);
	put_u32(w, 0);
	return w->n;
}

void native_end(struct wbuf *w, size_t mark)
{
	set_u32(w, mark - 4, (u32)(w->n - mark));
}

void native_put_bytes(struct wbuf *w, u8 channel, u16 kind, const void *p, u32 n)
{
	size_t m = native_begin(w, channel, kind);

	put_bytes(w, p, n);
	native_end(w, m);
}

void native_put_hello(struct wbuf *w, const struct native_hello *h)
{
	size_t m = native_begin(w, CH_CONTROL, CTL_HELLO);

	put_u16(w, h->version_min);
	put_u16(w, h->version_max);
	put_u32(w, h->features);
	put_bytes(w, h->token, NATIVE_TOKEN);
	native_end(w, m);
}

void native_put_u64(struct wbuf *w, u8 channel, u16 kind, u64 v)
{
	size_t m = native_begin(w, channel, kind);

	put_u64(w, v);
	native_end(w, m);
}

void native_put_credit(struct wbuf *w, u8 channel, u32 bytes)
{
	size_t m = native_begin(w, CH_CONTROL, CTL_CREDIT);

	put_u8(w, channel);
	put_zero(w, 3);
	put_u32(w, bytes);
	native_end(w, m);
}

void native_put_stats(struct wbuf *w, const struct native_stats *s)
{
	size_t m = native_begin(w, CH_CONTROL, CTL_STATS);

	put_u32(w, s->fps_x10);
	put_u32(w, s->dropped);
	put_u32(w, s->capture_us);
	put_u32(w, s->encode_us);
	put_u32(w, s->rtt_us);
	put_u32(w, s->rate_kbps);
	put_u32(w, s->bytes_exact);
	put_u32(w, s->bytes_video);
	put_bytes(w, s->encoder, sizeof(s->encoder));
	native_end(w, m);
}

void native_put_heads(struct wbuf *w, u16 kind, const struct native_heads *h)
{
	size_t m = native_begin(w, CH_DISPLAY, kind);

	put_u16(w, h->width);
	put_u16(w, h->height);
	put_u8(w, h->n);
	put_zero(w, 3);
	for (u8 i = 0; i < h->n; i++)
		put_rect(w, h->list[i]);
	native_end(w, m);
}

void native_put_copies(struct wbuf *w, const struct native_copy *c, u16 n)
{
	size_t m = native_begin(w, CH_DISPLAY, DSP_COPY);

	for (u16 i = 0; i < n; i++) {
		put_u16(w, c[i].sx);
		put_u16(w, c[i].sy);
		put_rect(w, c[i].to);
	}
	native_end(w, m);
}

void native_put_commit(struct wbuf *w, const struct native_commit *c)
{
	size_t m = native_begin(w, CH_DISPLAY, DSP_COMMIT);

	put_u32(w, c->seq);
	put_u64(w, c->capture_us);
	put_u8(w, c->n);
	for (u8 i = 0; i < c->n; i++) {
		const struct native_video *v = &c->video[i];

		put_u8(w, v->stream);
		put_u8(w, v->format);
		put_u8(w, v->key);
		put_u8(w, 0);
		put_rect(w, v->r);
		put_bytes(w, v->mask, v->mask_bytes);
	}
	native_end(w, m);
}

void native_put_ack(struct wbuf *w, const struct native_ack *a)
{
	size_t m = native_begin(w, CH_DISPLAY, DSP_ACK);

	put_u32(w, a->seq);
	put_u32(w, a->decode_us);
	put_u32(w, a->present_us);
	put_u64(w, a->capture_us);
	native_end(w, m);
}

void native_put_sound_format(struct wbuf *w, u32 rate, u8 channels)
{
	size_t m = native_begin(w, CH_AUDIO, AUD_FORMAT);

	put_u32(w, rate);
	put_u8(w, channels);
	put_zero(w, 3);
	native_end(w, m);
}

void native_put_sound(struct wbuf *w, const struct native_sound *s)
{
	size_t m = native_begin(w, CH_AUDIO, AUD_DATA);

	put_u32(w, s->position);
	put_u64(w, s->capture_us);
	put_bytes(w, s->packet, s->n);
	native_end(w, m);
}

void native_put_cursor(struct wbuf *w, u16 width, u16 height, u16 hot_x, u16 hot_y, const u32 *argb)
{
	size_t m = native_begin(w, CH_CURSOR, CUR_SHAPE);

	put_u16(w, width);
	put_u16(w, height);
	put_u16(w, hot_x);
	put_u16(w, hot_y);
	for (size_t i = 0; i < (size_t)width * height; i++)
		put_u32(w, argb[i]);
	native_end(w, m);
}

void native_put_key(struct wbuf *w, bool down, u32 keysym, u32 scancode)
{
	size_t m = native_begin(w, CH_INPUT, INP_KEY);

	put_u8(w, down);
	put_zero(w, 3);
	put_u32(w, keysym);
	put_u32(w, scancode);
	native_end(w, m);
}

void native_put_pointer(struct wbuf *w, const struct native_pointer *p)
{
	size_t m = native_begin(w, CH_INPUT, INP_POINTER);

	put_u16(w, p->x);
	put_u16(w, p->y);
	put_u16(w, p->buttons);
	put_u16(w, p->pressure);
	put_u16(w, (u16)p->tilt_x);
	put_u16(w, (u16)p->tilt_y);
	native_end(w, m);
}

void native_put_relative(struct wbuf *w, s16 dx, s16 dy, u16 buttons)
{
	size_t m = native_begin(w, CH_INPUT, INP_RELATIVE);

	put_u16(w, (u16)dx);
	put_u16(w, (u16)dy);
	put_u16(w, buttons);
	put_u16(w, 0);
	native_end(w, m);
}

void native_put_six_axes(struct wbuf *w, const s16 axes[6], u32 buttons)
{
	size_t m = native_begin(w, CH_INPUT, INP_SIX_AXES);

	for (int i = 0; i < 6; i++)
		put_u16(w, (u16)axes[i]);
	put_u32(w, buttons);
	native_end(w, m);
}
