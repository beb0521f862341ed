#include "core/base/fmt.h"
#include "core/base/str.h"
#include "vgpu/head.h"

#define EDID_FILE HEAD_EDID_SUBFOLDER "/%s.bin"

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool in_type(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
}

u32 head_connector_type(const char *name, u32 *number)
{
	u32 n = (u32)str_len(name), type = n;

	*number = 0;
	while (type && digit(name[type - 1]))
		type--;
	/* five digits at most, and no 0 in front */
	if (n >= HEAD_CONNECTOR_MAX || type == n || n - type > 5 || name[type] == '0')
		return 0;
	for (u32 i = type; i < n; i++)
		*number = *number * 10 + (u32)(name[i] - '0');
	if (type < 2 || name[type - 1] != '-' || name[0] == '-')
		return 0;
	for (u32 i = 0; i < type; i++)
		if (!in_type(name[i]))
			return 0;
	return type - 1;
}

size_t head_edid_name(const struct head *h, char *out, size_t size)
{
	return fmt(out, size, HEAD_EDID_FOLDER "/" EDID_FILE, h->connector);
}

static size_t edid_words(const struct head *heads, u32 n, char out[HEADS_WORDS_MAX])
{
	size_t at = 0;

	for (u32 i = 0; i < n; i++)
		if (heads[i].connector[0] && heads[i].edid)
			at +=
			    fmt(out + at, HEADS_WORDS_MAX - at, "%s%s:" EDID_FILE,
				at ? ","
				   : "firmware_class.path=/" HEAD_EDID_FOLDER " drm.edid_firmware=",
				heads[i].connector, heads[i].connector);
	if (at)
		at += fmt(out + at, HEADS_WORDS_MAX - at, " ");
	return at;
}

size_t heads_words(const struct head *heads, u32 n, char out[HEADS_WORDS_MAX])
{
	size_t at = edid_words(heads, n, out);

	for (u32 i = 0; i < n; i++) {
		const struct head *h = &heads[i];

		if (!h->connector[0] || (!h->width && !h->edid))
			continue;
		at += fmt(out + at, HEADS_WORDS_MAX - at, "video=%s:", h->connector);
		if (h->width)
			at += fmt(out + at, HEADS_WORDS_MAX - at, "%ux%u", h->width, h->height);
		if (h->width && h->hz)
			at += fmt(out + at, HEADS_WORDS_MAX - at, "@%u", h->hz);
		/* e: on, whether or not anything is plugged in */
		at += fmt(out + at, HEADS_WORDS_MAX - at, h->edid ? "e " : " ");
	}
	out[at] = 0;
	return at;
}
