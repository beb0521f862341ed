#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/capture/drm_screen.h"

int drm_screen_open(struct drm_screen *s, const char *socket, bool always_gl, char *error, size_t n)
{
	const char *path = socket ? socket : SEAT_SOCKET;
	struct seat_answer a;

	*s = (struct drm_screen){.seat = -1, .card.fd = -1};
	for (u32 i = 0; i < DRM_BUFFERS; i++)
		s->buffers[i].dmabuf = -1;
	int e = seat_connect(path, &s->seat);
	if (e) {
		snprintf(
		    error, n,
		    e == ERR_PERM
			? "caprock-seat at %s serves another user (its option --user)"
			: "no caprock-seat at %s: start it as root (caprock-seat@USER.service)",
		    path);
		return e;
	}
	e = seat_ask(s->seat, SEAT_CARD, 0, &a, &s->card.fd);
	if (e) {
		snprintf(error, n, "caprock-seat at %s finds no graphics card with outputs", path);
		return e;
	}
	snprintf(s->path, sizeof(s->path), "%s", a.path);
	e = drm_card_init(&s->card, s->card.fd);
	s->card.always_gl = always_gl;
	if (e)
		snprintf(error, n, "%s does not say what drives it", s->path);
	return e;
}

void drm_screen_close(struct drm_screen *s)
{
	for (u32 i = 0; i < DRM_BUFFERS; i++)
		if (s->card.fd >= 0)
			drm_buffer_close(&s->buffers[i], &s->card);
	drm_card_free(&s->card);
	if (s->card.fd >= 0)
		close(s->card.fd);
	if (s->seat >= 0)
		close(s->seat);
	s->card.fd = s->seat = -1;
}

static void complain(struct drm_screen *s, const char *text)
{
	if (!strcmp(s->said, text))
		return;
	snprintf(s->said, sizeof(s->said), "%s", text);
	fprintf(stderr, "caprock-agent: drm: %s\n", text);
}

int drm_screen_find(struct drm_screen *s, u32 fb, struct drm_buffer **out)
{
	struct drm_buffer *b = NULL, *oldest = &s->buffers[0];
	struct seat_answer a;
	char text[256];

	for (u32 i = 0; i < DRM_BUFFERS; i++) {
		if (s->buffers[i].fb == fb)
			b = &s->buffers[i];
		if (s->buffers[i].used < oldest->used)
			oldest = &s->buffers[i];
	}
	if (b) {
		drm_buffer_let_go(b, &s->card);
	} else {
		b = oldest;
		drm_buffer_close(b, &s->card);
	}
	int e = seat_ask(s->seat, SEAT_FRAMEBUFFER, fb, &a, NULL);
	if (e == ERR_PERM)
		complain(s, "caprock-seat lacks CAP_SYS_ADMIN");
	if (e)
		return e;
	e = drm_buffer_open(b, &s->card, &a, text, sizeof(text));
	if (e) {
		complain(s, text);
		drm_buffer_close(b, &s->card);
		return e;
	}
	b->fb = fb;
	b->used = ++s->clock;
	*out = b;
	return 0;
}
