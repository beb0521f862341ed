#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "viewer/agent/agent.h"
#include "viewer/agent/encoder.h"

/* A size that cards take: some refuse less than 145 pixels. */
#define TRY_W 320u
#define TRY_H 192u

/* In the order in which `auto` tries them. */
static const struct {
	const struct video_enc_ops *ops;
	bool by_itself; /* `auto` may take it */
} encoders[] = {
    {&video_nvenc, true}, {&video_vaapi, true}, {&video_x264, true}, {&video_soft, false}};

static void count(void *ctx, const u8 *p, size_t n)
{
	*(size_t *)ctx += n;
}

int encoder_try(const struct video_enc_ops *ops, char *why, size_t n)
{
	size_t bytes = 0;
	struct video_conf c = {.w = TRY_W,
			       .h = TRY_H,
			       .fps = 30,
			       .threads = 1,
			       .emit = count,
			       .ctx = &bytes,
			       .why = why,
			       .why_n = n};
	u32 *picture = calloc((size_t)TRY_W * TRY_H, sizeof(u32));
	struct video_enc *e = picture ? ops->open(&c) : NULL;
	bool key = false;
	int result = ERR_UNSUPPORTED;

	if (e) {
		ops->load(e, picture, TRY_W, NULL);
		result = ops->encode(e, true, &key);
		if (!result && (!key || !bytes))
			result = ERR_UNSUPPORTED;
		if (result)
			snprintf(why, n, "%s opens, but codes no picture (%s)", ops->name,
				 err_text(result));
		ops->close(e);
	}
	free(picture);
	return result;
}

const struct video_enc_ops *encoder_choose(const struct config *c, char *error, size_t n)
{
	bool any = !strcmp(c->encoder, "auto"), known = any;
	char why[192] = "out of memory";

	video_device(c->encoder_device);
	for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
		const struct video_enc_ops *o = encoders[i].ops;

		if (any ? !encoders[i].by_itself : strcmp(o->key, c->encoder))
			continue;
		known = true;
		if (!encoder_try(o, why, sizeof(why))) {
			agent_log("moving pictures are coded by %s", o->name);
			return o;
		}
		agent_log("encoder %s cannot be used: %s", o->key, why);
	}
	if (known) {
		agent_log("moving pictures are coded by %s instead", video_x264.name);
		return &video_x264;
	}
	snprintf(error, n, "there is no encoder '%s': auto, x264, vaapi, nvenc, soft", c->encoder);
	return NULL;
}
