#include "core/base/slots.h"

#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/base/str.h"

/* The rest of a line that begins with `word`; the cursor moves behind it. Empty when it does not. */
static size_t line(const char **at, const char *end, const char *word, const char **value)
{
	size_t n = str_len(word), length = 0;
	const char *p = *at;

	if ((size_t)(end - p) < n || memcmp(p, word, n) != 0)
		return 0;
	for (p += n; p + length < end && p[length] != '\n'; length++)
		;
	if (p + length == end)
		return 0;
	*value = p;
	*at = p + length + 1;
	return length;
}

static bool is(const char *value, size_t n, const char *word)
{
	return n == str_len(word) && memcmp(value, word, n) == 0;
}

static char slot_name(const char *value, size_t n)
{
	return n == 1 && (*value == 'a' || *value == 'b') ? *value : 0;
}

int slots_parse(const char *text, size_t n, struct slots *out)
{
	const char *at = text, *end = text + n, *v = text;
	size_t length = line(&at, end, "caprock slots ", &v);

	if (!is(v, length, "1"))
		return ERR_CORRUPT;
	length = line(&at, end, "good ", &v);
	out->good = slot_name(v, length);
	length = line(&at, end, "try ", &v);
	out->trial = slot_name(v, length);
	if (!out->good || out->trial == out->good || (!out->trial && !is(v, length, "none")))
		return ERR_CORRUPT;
	length = line(&at, end, "tried ", &v);
	out->tried = is(v, length, "yes");
	return out->tried || is(v, length, "no") ? OK : ERR_CORRUPT;
}

void slots_format(const struct slots *s, char out[SLOTS_SIZE])
{
	char text[SLOTS_SIZE + 1];
	const char trial[] = {s->trial, '\0'};
	size_t n = fmt(text, sizeof(text), "caprock slots 1\ngood %c\ntry %s\ntried %s\n", s->good,
		       s->trial ? trial : "none", s->tried ? "yes" : "no");

	memcpy(out, text, n);
	memset(out + n, '\n', SLOTS_SIZE - n);
}

char slots_choose(struct slots *s, char confirmed, enum slots_why *why)
{
	if (!s->trial) {
		*why = SLOTS_GOOD;
	} else if (!s->tried) {
		s->tried = true;
		*why = SLOTS_TRIAL;
		return s->trial;
	} else if (confirmed == s->trial) {
		*s = (struct slots){.good = s->trial};
		*why = SLOTS_CONFIRMED;
	} else {
		*why = SLOTS_BACK;
	}
	return s->good;
}
