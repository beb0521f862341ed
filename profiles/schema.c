#include "core/base/str.h"
#include "profiles/nearest.h"
#include "profiles/schema.h"

static u32 index_of(const struct parsed *p, u32 offset)
{
	for (u32 i = 0; p->schema && i < p->schema->n; i++)
		if (p->schema->fields[i].offset == offset)
			return i;
	return ~0u;
}

bool parsed_given(const struct parsed *p, u32 offset)
{
	u32 i = index_of(p, offset);

	return i != ~0u && p->places && p->places[i].line;
}

struct place parsed_place(const struct parsed *p, u32 offset)
{
	return parsed_given(p, offset) ? p->places[index_of(p, offset)] : p->at;
}

const char *field_type_name(enum field_type t)
{
	static const char *const names[] = {
	    [FIELD_TEXT] = "text",
	    [FIELD_FILE] = "file",
	    [FIELD_COUNT] = "number",
	    [FIELD_SIZE] = "size with unit",
	    [FIELD_BOOL] = "yes or no",
	    [FIELD_CHOICE] = "word",
	    [FIELD_UUID] = "UUID",
	    [FIELD_CPUS] = "processors",
	    [FIELD_MODE] = "display mode",
	    [FIELD_SLOT] = "device.function",
	    [FIELD_ADDRESS] = "PCI address",
	    [FIELD_IDS] = "PCI ids",
	    [FIELD_SERIAL] = "serial number",
	    [FIELD_STRUCT] = "map",
	    [FIELD_STRUCTS] = "list of maps",
	    [FIELD_PROFILES] = "list of files or maps",
	};

	return (unsigned)t < ARRAY_SIZE(names) ? names[t] : "value";
}

u32 schema_find(const struct schema *s, const char *key)
{
	for (u32 i = 0; i < s->n; i++)
		if (str_equal(s->fields[i].key, key))
			return i;
	return ~0u;
}

/* Is the word in a list separated by spaces? */
static bool listed(const char *list, const char *word)
{
	size_t n = str_len(word);

	for (const char *p = list; n && *p; p++) {
		size_t i = 0;

		if (p != list && p[-1] != ' ')
			continue;
		while (i < n && p[i] == word[i])
			i++;
		if (i == n && (p[i] == ' ' || !p[i]))
			return true;
	}
	return false;
}

u32 schema_guess(const struct schema *s, const char *key)
{
	for (u32 i = 0; i < s->n; i++)
		if (s->fields[i].also && listed(s->fields[i].also, key))
			return i;
	return nearest_word(key, &s->fields[0].key, s->n, sizeof(s->fields[0]));
}
