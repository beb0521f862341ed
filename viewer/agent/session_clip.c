/* The clipboard between a viewer and the desktop, in whatever form the viewer has it. */
#include "viewer/agent/session_in.h"
#include "viewer/proto/clip.h"

void session_text_in(struct session *s, const char *text, u32 n)
{
	struct agent *a = s->agent;

	if (a->clipboard && a->conf.clipboard & CLIP_TO_DESKTOP && session_may_change(s))
		clipboard_set(a->clipboard, text, n);
}

int session_cut(struct session *s, const struct rfb_cut *c)
{
	struct agent *a = s->agent;
	struct wbuf text = {0};
	int e = 0;

	if (!c->ext)
		clip_from_latin1(&text, c->data, c->n);
	else if (c->flags & CLIP_CAPS)
		return 0;
	else if (c->flags & CLIP_PROVIDE)
		e = clip_get_text(c, &text);
	else if (c->flags & CLIP_NOTIFY && c->flags & CLIP_TEXT)
		clip_put_word(&s->net.out, true, CLIP_REQUEST);
	else if (c->flags & CLIP_REQUEST && a->clipboard && a->conf.clipboard & CLIP_TO_VIEWER) {
		u32 n;
		const char *ours = clipboard_text(a->clipboard, &n);
		if (ours)
			clip_put_text(&s->net.out, true, ours, n);
	}
	if (!e && (!c->ext || c->flags & CLIP_PROVIDE))
		session_text_in(s, (const char *)text.p, (u32)text.n);
	wbuf_free(&text);
	return e;
}

void session_clipboard(struct session *s, const char *text, u32 n)
{
	if (s->state != SESSION_RUN || !(s->agent->conf.clipboard & CLIP_TO_VIEWER))
		return;
	if (s->native)
		native_put_bytes(&s->net.out, CH_CLIPBOARD, 1, text, n);
	else if (s->rfb.ext_clipboard)
		clip_put_word(&s->net.out, true, CLIP_NOTIFY);
	else
		clip_put_latin1(&s->net.out, true, text, n);
}

void session_greet_clipboard(struct session *s)
{
	if (s->rfb.ext_clipboard && s->agent->clipboard)
		clip_put_caps(&s->net.out, true);
}
