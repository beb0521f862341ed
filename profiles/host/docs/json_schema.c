/* JSON Schema, draft 2020-12: editors complete keys and mark faults while people write. */
#include <string.h>

#include "profiles/host/docs/docs.h"
#include "profiles/host/json.h"

static void reference(struct json *j, const char *key, const struct schema *s)
{
	char path[64];

	snprintf(path, sizeof(path), "#/$defs/%s", s->name);
	json_object(j, key);
	json_string(j, "$ref", path);
	json_end(j, '}');
}

static void one_type(struct json *j, const char *type)
{
	json_object(j, NULL);
	json_string(j, "type", type);
	json_end(j, '}');
}

static const char *pattern_of(enum field_type t)
{
	switch (t) {
	case FIELD_SIZE:
		return "^[0-9]+ *(KiB|MiB|GiB|TiB)$";
	case FIELD_UUID:
		return "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$";
	case FIELD_MODE:
		return "^[0-9]{3,5}x[0-9]{3,5}(@[0-9]{2,3})?$";
	case FIELD_SLOT:
		return "^[01]?[0-9a-fA-F]\\.[0-7]$";
	case FIELD_IDS:
		return "^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:[0-9a-fA-F]{4}:[0-9a-fA-F]{4})?$";
	default:
		return NULL;
	}
}

static void items(struct json *j, const struct field *f)
{
	json_string(j, "type", "array");
	json_number(j, "minItems", f->min);
	json_number(j, "maxItems", f->max);
	if (f->type != FIELD_PROFILES && !f->of->shorthand) {
		reference(j, "items", f->of);
		return;
	}
	json_object(j, "items");
	json_array(j, "anyOf");
	one_type(j, "string");
	reference(j, NULL, f->of);
	json_end(j, ']');
	json_end(j, '}');
}

static void value(struct json *j, const struct field *f)
{
	const char *pattern = pattern_of(f->type);

	switch (f->type) {
	case FIELD_COUNT:
		json_string(j, "type", "integer");
		json_number(j, "minimum", f->min);
		json_number(j, "maximum", f->max);
		break;
	case FIELD_BOOL:
		json_string(j, "type", "boolean");
		break;
	case FIELD_STRUCTS:
	case FIELD_PROFILES:
		items(j, f);
		break;
	case FIELD_CPUS:
		json_string(j, "type", "array");
		json_object(j, "items");
		json_array(j, "anyOf");
		one_type(j, "integer");
		one_type(j, "string");
		json_end(j, ']');
		json_end(j, '}');
		break;
	case FIELD_CHOICE:
		json_array(j, "enum");
		for (u32 i = 0; f->words[i]; i++)
			json_string(j, NULL, f->words[i]);
		json_end(j, ']');
		break;
	default:
		json_array(j, "type");
		json_string(j, NULL, "string");
		json_string(j, NULL, "integer"); /* a name of digits is a text here */
		json_end(j, ']');
		if (f->type == FIELD_TEXT && f->max) {
			json_number(j, "minLength", f->min);
			json_number(j, "maxLength", f->max);
		}
	}
	if (pattern)
		json_string(j, "pattern", pattern);
}

static void object(struct json *j, const struct schema *s)
{
	json_string(j, "type", "object");
	json_string(j, "description", s->help);
	json_bool(j, "additionalProperties", false);
	json_object(j, "properties");
	for (u32 i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];

		if (f->type == FIELD_STRUCT) {
			reference(j, f->key, f->of);
			continue;
		}
		json_object(j, f->key);
		json_string(j, "description", f->help);
		value(j, f);
		json_end(j, '}');
	}
	json_end(j, '}');
	json_array(j, "required");
	for (u32 i = 0; i < s->n; i++)
		if (s->fields[i].required)
			json_string(j, NULL, s->fields[i].key);
	json_end(j, ']');
}

void docs_json_schema(FILE *out)
{
	struct json j = {.out = out};

	json_object(&j, NULL);
	json_string(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_string(&j, "title", "caprock site");
	object(&j, schemas[0]);
	json_object(&j, "$defs");
	for (u32 i = 1; schemas[i]; i++) {
		json_object(&j, schemas[i]->name);
		object(&j, schemas[i]);
		json_end(&j, '}');
	}
	json_end(&j, '}');
	json_end(&j, '}');
}
