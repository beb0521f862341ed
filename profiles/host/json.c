#include "profiles/host/json.h"

#include <assert.h>
#include <inttypes.h>

static void separate(struct json *j)
{
	if (j->some[j->depth])
		fputc(',', j->out);
	j->some[j->depth] = true;
	if (j->depth)
		fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
}

/* Length of the valid UTF-8 sequence at `s`, 0 when there is none (RFC 3629 §4). */
static unsigned utf8_length(const unsigned char *s)
{
	unsigned n;
	uint32_t c, least;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2, c = s[0] & 31, least = 0x80;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3, c = s[0] & 15, least = 0x800;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4, c = s[0] & 7, least = 0x10000;
	else
		return 0;
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 63);
	}
	return c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

static void quoted(struct json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', j->out);
	while (*s) {
		unsigned n = utf8_length(s);

		if (!n) {
			fputs("\\ufffd", j->out);
			s++;
		} else if (*s == '"' || *s == '\\') {
			fprintf(j->out, "\\%c", *s++);
		} else if (*s < 0x20 || *s == 0x7f) {
			fprintf(j->out, "\\u%04x", *s++);
		} else {
			fwrite(s, 1, n, j->out);
			s += n;
		}
	}
	fputc('"', j->out);
}

static void member(struct json *j, const char *key)
{
	separate(j);
	if (key) {
		quoted(j, key);
		fputs(": ", j->out);
	}
}

static void open_with(struct json *j, const char *key, char bracket)
{
	member(j, key);
	fputc(bracket, j->out);
	assert(j->depth + 1 < JSON_DEPTH);
	j->some[++j->depth] = false;
}

void json_object(struct json *j, const char *key)
{
	open_with(j, key, '{');
}

void json_array(struct json *j, const char *key)
{
	open_with(j, key, '[');
}

void json_end(struct json *j, char bracket)
{
	bool some = j->some[j->depth];

	assert(j->depth);
	j->depth--;
	if (some)
		fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
	fputc(bracket, j->out);
	if (!j->depth)
		fputc('\n', j->out);
}

void json_string(struct json *j, const char *key, const char *text)
{
	member(j, key);
	if (text)
		quoted(j, text);
	else
		fputs("null", j->out);
}

void json_number(struct json *j, const char *key, uint64_t n)
{
	member(j, key);
	fprintf(j->out, "%" PRIu64, n);
}

void json_bool(struct json *j, const char *key, bool v)
{
	member(j, key);
	fputs(v ? "true" : "false", j->out);
}

void json_hex(struct json *j, const char *key, uint64_t n)
{
	member(j, key);
	fprintf(j->out, "\"%#" PRIx64 "\"", n);
}
