#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "profiles/host/language/include.h"

const struct yaml_node *language_include(struct language *l, const struct yaml_node *n)
{
	static const struct field file = {.key = "workstations", .type = FIELD_FILE};
	struct value_error why;
	const char *path = NULL;
	FILE *f;

	if (!value_parse(l, n, &file, &path, &why)) {
		report(l->r, why.rule, SEVERITY_ERROR, n->at, why.remedy, "%s", why.text);
		return NULL;
	}
	/* A file that is not there is a fault of the line that names it. */
	f = fopen(path, "rb");
	if (!f) {
		report(
		    l->r, "unknown-file", SEVERITY_ERROR, n->at,
		    "Name a file that can be read; it is looked for beside the file that names it",
		    "%s: %s", path, strerror(errno));
		return NULL;
	}
	fclose(f);
	return yaml_read_file(path, l->mem, l->r);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "desks/Seismic 1.yaml" as "seismic-1". */
static const char *name_from_file(struct language *l, const char *path)
{
	char *name = chunks_copy(l->mem, base_name(path)), *p;

	p = strrchr(name, '.');
	if (p && p != name)
		*p = '\0';
	for (p = name; *p; p++)
		*p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '-';
	return name;
}

/* FNV-1a with two seeds; the bits that RFC 9562 fixes say "made by its own rule" (version 8). */
static void make_uuid(const char *site, const char *name, u8 *out)
{
	u64 h[2] = {0xcbf29ce484222325ull, 0x84222325cbf29ce4ull};
	const char *parts[] = {site, "/", name};

	for (u32 i = 0; i < 2; i++) {
		for (u32 k = 0; k < ARRAY_SIZE(parts); k++)
			for (const char *s = parts[k]; *s; s++)
				h[i] = (h[i] ^ (u8)*s) * 0x100000001b3ull;
		for (u32 k = 0; k < 8; k++)
			out[i * 8 + k] = (u8)(h[i] >> 8 * k);
	}
	out[6] = (u8)((out[6] & 0x0f) | 0x80);
	out[8] = (u8)((out[8] & 0x3f) | 0x80);
}

static void complete(struct language *l, struct site *s, const char *path)
{
	for (u32 i = 0; i < s->nworkstations; i++) {
		struct profile *w = &s->workstations[i];

		if (!w->name)
			w->name = strcmp(w->p.at.file, path)
				      ? name_from_file(l, w->p.at.file)
				      : chunks_print(l->mem, "workstation-%u", i + 1);
		/* A fault that was reported must not bring others with it. */
		if (!w->memory)
			w->memory = MIB(64);
		if (!GIVEN(w, uuid))
			make_uuid(base_name(path), w->name, w->uuid);
		if (GIVEN(w, cores) && GIVEN(w, processors))
			report(l->r, "cores-and-processors", SEVERITY_ERROR, PLACE_OF(w, cores),
			       "Keep 'cores' to have them chosen, or 'processors' to choose",
			       "%s says both how many cores it wants and which", w->name);
	}
}

struct site *language_load_site(struct language *l, const char *path)
{
	struct yaml_node *root = yaml_read_file(path, l->mem, l->r);

	return root ? language_parse_site(l, root, path) : NULL;
}

struct site *language_parse_site(struct language *l, const struct yaml_node *root, const char *path)
{
	struct site *s = chunks_take(l->mem, 1, sizeof(*s));

	language_parse(l, root, &schema_site, s);
	complete(l, s, path);
	return s;
}
