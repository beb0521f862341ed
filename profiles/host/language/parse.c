#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/language/include.h"

#define KEYS_SHOWN 200 /* characters of the list of keys in a message */

static const char *keys_text(struct language *l, const struct schema *s)
{
	const char *text = "";

	for (u32 i = 0; i < s->n; i++)
		text = chunks_print(l->mem, "%s%s%s", text, i ? ", " : "", s->fields[i].key);
	if (strlen(text) > KEYS_SHOWN)
		return chunks_print(l->mem, "%.*s ...", KEYS_SHOWN, text);
	return text;
}

/* Returns the key that was probably meant, ~0u: no idea. */
static u32 unknown_key(struct language *l, const struct yaml_node *n, const struct schema *s)
{
	u32 guess = schema_guess(s, n->key);

	report(l->r, "unknown-key", SEVERITY_ERROR, n->key_at,
	       guess == ~0u ? chunks_print(l->mem, "Use one of: %s", keys_text(l, s))
			    : chunks_print(l->mem, "Did you mean '%s'? The keys are: %s",
					   s->fields[guess].key, keys_text(l, s)),
	       "'%.60s' is no key of a %s", n->key, s->name);
	return guess;
}

static void report_value(struct language *l, struct place at, const struct value_error *why)
{
	report(l->r, why->rule, SEVERITY_ERROR, at, why->remedy, "%s", why->text);
}

static void defaults(struct language *l, const struct schema *s, struct place at, void *out);

/* ---- lists ----------------------------------------------------------------------------------- */

/* "2", or "8-11" at most to CPUS_MAX numbers in all. */
#define CPUS_MAX 4096

static bool add_range(const char *s, u32 *v, u32 *n)
{
	char *end;
	unsigned long first, last;

	while (*s == ' ')
		s++;
	if (!isdigit((unsigned char)*s))
		return false;
	first = last = strtoul(s, &end, 0);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		last = strtoul(end + 1, &end, 0);
	while (*end == ' ')
		end++;
	if (*end || last < first || last > 0xfffffffe || last - first >= CPUS_MAX - *n)
		return false;
	for (; first <= last; first++)
		v[(*n)++] = (u32)first;
	return true;
}

static void parse_cpus(struct language *l, const struct yaml_node *n, struct number_list *out)
{
	u32 *v = chunks_take(l->mem, CPUS_MAX, sizeof(*v)), count = 0;
	const struct yaml_node *item = n->kind == YAML_LIST ? n->first : n;

	for (; item; item = n->kind == YAML_LIST ? item->next : NULL) {
		char *copy, *save, *word;

		if (item->kind != YAML_SCALAR) {
			report(l->r, "wrong-type", SEVERITY_ERROR, item->at,
			       "Write APIC ids and ranges, as '[2, 3, 8-11]'",
			       "%s stands where a processor should", yaml_kind_name(item));
			continue;
		}
		copy = chunks_copy(l->mem, item->text);
		for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
			if (!add_range(word, v, &count))
				report(l->r, "bad-value", SEVERITY_ERROR, item->at,
				       "Write APIC ids and ranges, as '[2, 3, 8-11]'",
				       "'%.60s' is no processor and no range of them", word);
	}
	*out = (struct number_list){count, v};
}

static void parse_item(struct language *l, const struct yaml_node *n, const struct field *f,
		       void *out)
{
	if (f->type == FIELD_PROFILES && n->kind == YAML_SCALAR) {
		const struct yaml_node *root = language_include(l, n);

		if (!root) {
			/* Reported; what is left is an empty one, so that the others keep their numbers. */
			defaults(l, f->of, n->at, out);
			*(struct parsed *)out = (struct parsed){.at = n->at, .schema = f->of};
			return;
		}
		n = root;
	}
	language_parse(l, n, f->of, out);
}

static void parse_structs(struct language *l, const struct yaml_node *n, const struct field *f,
			  u8 *base)
{
	u32 count = n->kind == YAML_LIST ? n->n : 1, i = 0;
	u8 *items;

	if (n->kind == YAML_SCALAR && !*n->text)
		count = 0; /* "devices:" with nothing behind it */
	if (count < f->min || count > f->max)
		report(l->r, "out-of-range", SEVERITY_ERROR, n->at,
		       chunks_print(l->mem, "Write %llu to %llu of them",
				    (unsigned long long)f->min, (unsigned long long)f->max),
		       "'%s' has %u entries", f->key, count);
	if (!count || count > f->max)
		return;
	items = chunks_take(l->mem, count, f->of->size);
	if (n->kind == YAML_LIST)
		yaml_for_each(item, n) parse_item(l, item, f, items + (size_t)i++ * f->of->size);
	else
		parse_item(l, n, f, items);
	*(void **)(base + f->offset) = items;
	*(u32 *)(base + f->count_offset) = count;
}

/* ---- structs --------------------------------------------------------------------------------- */

static void parse_field(struct language *l, const struct yaml_node *n, const struct field *f,
			u8 *base)
{
	struct value_error why;

	switch (f->type) {
	case FIELD_STRUCT:
		language_parse(l, n, f->of, base + f->offset);
		return;
	case FIELD_STRUCTS:
	case FIELD_PROFILES:
		parse_structs(l, n, f, base);
		return;
	case FIELD_CPUS:
		parse_cpus(l, n, (struct number_list *)(base + f->offset));
		return;
	default:
		break;
	}
	if (n->kind != YAML_SCALAR)
		report(l->r, "wrong-type", SEVERITY_ERROR, n->at,
		       chunks_print(l->mem, "Write a %s", field_type_name(f->type)),
		       "'%s' cannot be %s", f->key, yaml_kind_name(n));
	else if (!value_parse(l, n, f, base + f->offset, &why))
		report_value(l, n->at, &why);
	else
		return;
	((struct parsed *)base)->faulty = true;
}

static void defaults(struct language *l, const struct schema *s, struct place at, void *out)
{
	struct value_error why;
	u8 *base = out;

	for (u32 i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		struct yaml_node n = {.at = at, .text = f->fallback};

		if (f->type == FIELD_SLOT)
			*(u32 *)(base + f->offset) = SLOT_ANY;
		if (f->type == FIELD_STRUCT) {
			*(struct parsed *)(base + f->offset) =
			    (struct parsed){.at = at, .schema = f->of};
			defaults(l, f->of, at, base + f->offset);
		}
		if (f->fallback && !value_parse(l, &n, f, base + f->offset, &why))
			report_value(l, at, &why);
	}
}

/* `meant`: keys that are there in another spelling, which was said already. */
static void required(struct language *l, const struct schema *s, const struct parsed *p,
		     const bool *meant)
{
	for (u32 i = 0; i < s->n; i++)
		if (s->fields[i].required && !p->places[i].line && !meant[i])
			report(l->r, "missing-key", SEVERITY_ERROR, p->at,
			       chunks_print(l->mem, "Add '%s:' with a %s", s->fields[i].key,
					    field_type_name(s->fields[i].type)),
			       "this %s has no '%s'", s->name, s->fields[i].key);
}

void language_parse(struct language *l, const struct yaml_node *n, const struct schema *s,
		    void *out)
{
	struct place *places = chunks_take(l->mem, s->n, sizeof(*places));
	bool *meant = chunks_take(l->mem, s->n, sizeof(*meant));
	struct parsed *p = out;
	struct yaml_node alone, map;

	defaults(l, s, n->at, out);
	*p = (struct parsed){.at = n->at, .schema = s, .places = places};
	if (n->kind == YAML_SCALAR && s->shorthand) {
		alone = *n;
		alone.next = NULL;
		alone.key = s->shorthand;
		map = (struct yaml_node){.kind = YAML_MAP, .at = n->at, .n = 1, .first = &alone};
		n = &map;
	}
	if (n->kind != YAML_MAP) {
		report(l->r, "wrong-type", SEVERITY_ERROR, n->at,
		       chunks_print(l->mem, "Write keys and values: %s", keys_text(l, s)),
		       "%s stands where a %s should", yaml_kind_name(n), s->name);
		return;
	}
	yaml_for_each(child, n)
	{
		u32 i = schema_find(s, child->key);

		if (i == ~0u) {
			i = unknown_key(l, child, s);
			if (i != ~0u)
				meant[i] = true;
			continue;
		}
		places[i] = child->at;
		parse_field(l, child, &s->fields[i], out);
	}
	required(l, s, p, meant);
}
