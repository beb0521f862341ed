#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"
#include "profiles/host/language/language.h"
#include "profiles/nearest.h"

#define FAIL(why, rule_, remedy_, ...)                                                         \
	((why)->rule = (rule_), snprintf((why)->remedy, sizeof((why)->remedy), "%s", remedy_), \
	 snprintf((why)->text, sizeof((why)->text), __VA_ARGS__), false)

static const struct {
	const char *name;
	u32 shift;
} units[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

const char *size_text(struct chunks *mem, u64 bytes)
{
	for (u32 i = 0; i < ARRAY_SIZE(units); i++)
		if (bytes && !(bytes & ((1ull << units[i].shift) - 1)))
			return chunks_print(mem, "%llu %s",
					    (unsigned long long)(bytes >> units[i].shift),
					    units[i].name);
	return chunks_print(mem, "%llu bytes", (unsigned long long)bytes);
}

const char *words_text(struct chunks *mem, const char *const *words)
{
	const char *text = "";

	for (u32 i = 0; words[i]; i++)
		text = chunks_print(mem, "%s%s%s", text,
				    !i		   ? ""
				    : words[i + 1] ? ", "
						   : " or ",
				    words[i]);
	return text;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* What somebody meant who wrote 64G, 64 GB, 1.5 GiB or 65536; NULL: no idea. */
static const char *size_guess(struct chunks *mem, const char *s)
{
	char *end;
	double v = strtod(s, &end);
	u32 shift = 0;

	if (end == s || v <= 0 || v > 1e15)
		return NULL;
	while (*end == ' ')
		end++;
	switch (tolower((unsigned char)*end)) {
	case 't':
		shift = 40;
		break;
	case 'g':
		shift = 30;
		break;
	case 'm':
		shift = 20;
		break;
	case 'k':
		shift = 10;
		break;
	case 0:
		/* A bare number: GiB when small, as people say it. */
		shift = v <= 1024 ? 30 : 20;
		break;
	default:
		return NULL;
	}
	v *= (double)(1ull << shift);
	if (v >= 1e18)
		return NULL;
	return size_text(mem, (u64)v & ~1023ull);
}

static bool parse_size(struct language *l, const struct yaml_node *n, u64 *out,
		       struct value_error *why)
{
	const char *s = n->text, *guess;
	u64 v = 0;

	if (!isdigit((unsigned char)*s))
		goto bad;
	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(v, 10ull, &v) ||
		    __builtin_add_overflow(v, (u64)(*s - '0'), &v))
			goto bad;
	while (*s == ' ')
		s++;
	for (u32 i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(s, units[i].name) || v > ~0ull >> units[i].shift)
			continue;
		*out = v << units[i].shift;
		return true;
	}
bad:
	guess = size_guess(l->mem, n->text);
	if (guess)
		return FAIL(
		    why, "bad-value",
		    chunks_print(l->mem, "Write '%s'; the units are KiB, MiB, GiB and TiB", guess),
		    "'%.60s' is no size with its unit", n->text);
	return FAIL(why, "bad-value", "Write a whole number and KiB, MiB, GiB or TiB, as '64 GiB'",
		    "'%.60s' is no size with its unit", n->text);
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool parse_choice(struct language *l, const struct yaml_node *n, const struct field *f,
			 u32 *out, struct value_error *why)
{
	u32 count = 0, near;

	for (; f->words[count]; count++)
		if (!strcmp(f->words[count], n->text)) {
			*out = count;
			return true;
		}
	near = nearest_word(n->text, f->words, count, sizeof(*f->words));
	return FAIL(why, "bad-value",
		    near == ~0u ? chunks_print(l->mem, "Choose %s", words_text(l->mem, f->words))
				: chunks_print(l->mem, "Did you mean '%s'? Choose %s",
					       f->words[near], words_text(l->mem, f->words)),
		    "'%.60s' is not among the values of '%s'", n->text, f->key);
}

static bool parse_text(struct language *l, const struct yaml_node *n, const struct field *f,
		       const char **out, struct value_error *why)
{
	size_t length = strlen(n->text);

	if (f->max && (length < f->min || length > f->max))
		return FAIL(why, "out-of-range",
			    chunks_print(l->mem, "Write %llu to %llu characters",
					 (unsigned long long)f->min, (unsigned long long)f->max),
			    "'%.60s' has %zu characters", n->text, length);
	*out = n->text;
	return true;
}

static bool parse_file(struct language *l, const struct yaml_node *n, const char **out,
		       struct value_error *why)
{
	const char *slash = n->at.file ? strrchr(n->at.file, '/') : NULL;

	if (!*n->text)
		return FAIL(why, "bad-value", "Name a file", "the name of the file is empty");
	if (n->text[0] == '/' || !slash)
		*out = n->text;
	else
		*out = chunks_print(l->mem, "%.*s%s", (int)(slash + 1 - n->at.file), n->at.file,
				    n->text);
	return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool parse_count(struct language *l, const struct yaml_node *n, u32 *out,
			struct value_error *why)
{
	u64 v;

	if (!yaml_u64(n, &v) || v > ~0u)
		return FAIL(why, "bad-value", "Write a whole number, without quotes or a unit",
			    "'%.60s' is no number", n->text);
	*out = (u32)v;
	return true;
}

static bool parse_serial(const struct yaml_node *n, u64 *out, struct value_error *why)
{
	u32 digits = 0;
	u64 v = 0;

	for (const char *s = n->text; *s; s++) {
		if (*s == '-' && s != n->text)
			continue;
		if (!isxdigit((unsigned char)*s) || digits++ == 16)
			break;
		v = v << 4 | (u64)str_hex_digit(*s);
		if (!s[1] && digits == 16) {
			*out = v;
			return true;
		}
	}
	return FAIL(why, "bad-value",
		    "Write the 16 hexadecimal digits that caprock probe shows, as "
		    "'00-1b-21-ff-ff-6d-9a-c8'",
		    "'%.60s' is no device serial number", n->text);
}

static bool parse_uuid(const struct yaml_node *n, u8 *out, struct value_error *why)
{
	u8 v[16] = {0};
	u32 digits = 0;
	const char *s = n->text;

	for (u32 i = 0; s[i] && i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			break;
		if (dash)
			continue;
		v[digits / 2] = (u8)(v[digits / 2] << 4 | str_hex_digit(s[i]));
		digits++;
	}
	if (digits != 32 || strlen(s) != 36)
		return FAIL(why, "bad-value",
			    "Write it as '6fa459ea-ee8a-4ca4-894e-db77e160355e', or leave it out",
			    "'%.60s' is no UUID", s);
	memcpy(out, v, sizeof(v));
	return true;
}

static bool parse_mode(const struct yaml_node *n, struct display_mode *out, struct value_error *why)
{
	struct display_mode m = {.hz = 60};
	int end = 0;

	if ((sscanf(n->text, "%5ux%5u@%4u%n", &m.width, &m.height, &m.hz, &end) == 3 ||
	     (m.hz = 60, sscanf(n->text, "%5ux%5u%n", &m.width, &m.height, &end) == 2)) &&
	    !n->text[end] && m.width >= 320 && m.width <= 16384 && m.height >= 200 &&
	    m.height <= 16384 && m.hz >= 10 && m.hz <= 480) {
		*out = m;
		return true;
	}
	return FAIL(why, "bad-value", "Write width, height and rate, as '2560x1440@60'",
		    "'%.60s' is no display mode", n->text);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool in_range(struct language *l, const struct field *f, u64 v, struct value_error *why)
{
	bool size = f->type == FIELD_SIZE;
	const char *lo, *hi;

	if (!f->max || (v >= f->min && v <= f->max))
		return true;
	lo = size ? size_text(l->mem, f->min)
		  : chunks_print(l->mem, "%llu", (unsigned long long)f->min);
	hi = size ? size_text(l->mem, f->max)
		  : chunks_print(l->mem, "%llu", (unsigned long long)f->max);
	return FAIL(
	    why, "out-of-range", chunks_print(l->mem, "Write a value from %s to %s", lo, hi),
	    "'%s' cannot be %s", f->key,
	    size ? size_text(l->mem, v) : chunks_print(l->mem, "%llu", (unsigned long long)v));
}

bool value_parse(struct language *l, const struct yaml_node *n, const struct field *f, void *out,
		 struct value_error *why)
{
	u8 devfn;
	u32 count;
	u64 bytes;

	switch (f->type) {
	case FIELD_TEXT:
		return parse_text(l, n, f, out, why);
	case FIELD_FILE:
		return parse_file(l, n, out, why);
	case FIELD_COUNT:
		if (!parse_count(l, n, &count, why) || !in_range(l, f, count, why))
			return false;
		*(u32 *)out = count;
		return true;
	case FIELD_SIZE:
		if (!parse_size(l, n, &bytes, why) || !in_range(l, f, bytes, why))
			return false;
		*(u64 *)out = bytes;
		return true;
	case FIELD_BOOL:
		return yaml_bool(n, out) || FAIL(why, "bad-value", "Write yes or no",
						 "'%.60s' is neither yes nor no", n->text);
	case FIELD_CHOICE:
		return parse_choice(l, n, f, out, why);
	case FIELD_UUID:
		return parse_uuid(n, out, why);
	case FIELD_MODE:
		return parse_mode(n, out, why);
	case FIELD_SERIAL:
		return parse_serial(n, out, why);
	case FIELD_ADDRESS:
		return address_parse(n->text, out) ||
		       FAIL(why, "bad-value",
			    "Write it as lspci does, '01:00.0' or '0000:01:00.0', '01:00' for the "
			    "whole card, or as a path '0000:00/1c.0/00.0'",
			    "'%.60s' is no PCI address", n->text);
	case FIELD_IDS:
		return ids_parse(n->text, out) ||
		       FAIL(why, "bad-value",
			    "Write four hexadecimal digits each, as '10de:2204' or "
			    "'10de:2204:1458:403b'",
			    "'%.60s' are no PCI ids", n->text);
	case FIELD_SLOT:
		if (!slot_parse(n->text, &devfn))
			return FAIL(why, "bad-value",
				    "Write device and function of the workstation's bus, as '04.0'",
				    "'%.60s' is no place on a bus", n->text);
		*(u32 *)out = devfn;
		return true;
	default:
		return FAIL(why, "wrong-type", "Write a list or a map", "'%s' cannot be a text",
			    f->key);
	}
}
