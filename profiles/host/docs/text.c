#include <string.h>

#include "profiles/host/docs/docs.h"

static void size_words(u64 v, char *text, size_t size)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	u32 u = 0;

	while (u + 1 < ARRAY_SIZE(units) && v && !(v & 1023)) {
		v >>= 10;
		u++;
	}
	snprintf(text, size, "%llu %s", (unsigned long long)v, units[u]);
}

const char *docs_limits(const struct field *f, char *text, size_t size)
{
	char lo[32], hi[32];
	size_t n = 0;

	text[0] = '\0';
	if (f->words) {
		for (u32 i = 0; f->words[i] && n < size; i++)
			n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "",
					      f->words[i]);
		return text;
	}
	if (!f->max)
		return text;
	switch (f->type) {
	case FIELD_SIZE:
		size_words(f->min, lo, sizeof(lo));
		size_words(f->max, hi, sizeof(hi));
		snprintf(text, size, "%s to %s", lo, hi);
		break;
	case FIELD_COUNT:
		snprintf(text, size, "%llu to %llu", (unsigned long long)f->min,
			 (unsigned long long)f->max);
		break;
	case FIELD_TEXT:
		snprintf(text, size, "%llu to %llu characters", (unsigned long long)f->min,
			 (unsigned long long)f->max);
		break;
	default:
		snprintf(text, size, "%llu to %llu of them", (unsigned long long)f->min,
			 (unsigned long long)f->max);
	}
	return text;
}

/* Words from column `indent` on, at most to column 96; back-quotes are for pages only. */
static void wrapped(const char *text, int indent, FILE *out)
{
	int column = indent;

	fprintf(out, "%*s", indent, "");
	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > indent && column + (int)n > 96) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
		}
		for (size_t i = 0; i < n; i++)
			if (text[i] != '`')
				fputc(text[i], out);
		column += (int)n + 1;
		text += n;
		while (*text == ' ')
			text++;
	}
	fputc('\n', out);
}

static void print_struct(const struct schema *s, FILE *out)
{
	char limits[256];

	fprintf(out, "%s: ", s->name);
	wrapped(s->help, 0, out);
	for (u32 i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];

		docs_limits(f, limits, sizeof(limits));
		fprintf(out, "\n  %s: %s%s%s%s%s%s\n", f->key, field_type_name(f->type),
			limits[0] ? ": " : "", limits, f->required ? ", required" : "",
			f->fallback && f->fallback[0] ? ", else " : "",
			f->fallback ? f->fallback : "");
		wrapped(f->help, 6, out);
	}
}

void docs_language(FILE *out)
{
	for (u32 i = 0; schemas[i]; i++) {
		if (i)
			fputc('\n', out);
		print_struct(schemas[i], out);
	}
}

bool docs_struct(const char *name, FILE *out)
{
	for (u32 i = 0; schemas[i]; i++) {
		if (strcmp(schemas[i]->name, name))
			continue;
		print_struct(schemas[i], out);
		return true;
	}
	return false;
}

void docs_rules(FILE *out)
{
	for (u32 i = 0; i < nrules; i++)
		fprintf(out, "%-24s %-8s %s\n", rules[i]->id, severity_name(rules[i]->severity),
			rules[i]->text);
}

void docs_rule(const struct rule_info *r, FILE *out)
{
	fprintf(out, "%s (%s)\n  %s\n  Points at: %s. Found by: %s.\n  %s\n", r->id,
		severity_name(r->severity), r->text, rule_place_name(r->place),
		rule_finder_name(r->finder), r->remedy);
}
