#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "profiles/host/facts/schema.h"
#include "profiles/host/facts/write.h"
#include "profiles/host/json.h"

const char *bdf_text(struct bdf b, char out[BDF_TEXT])
{
	snprintf(out, BDF_TEXT, "%04x:%02x:%02x.%x", b.segment, b.bus, b.devfn >> 3, b.devfn & 7);
	return out;
}

#define SCALAR_TEXT (16 + 6 * PCI_PATH_MAX)

/* Exact in the largest unit. */
static void size_text(u64 n, char *out)
{
	static const char *const units[] = {"", " KiB", " MiB", " GiB", " TiB"};
	u32 unit = 0;

	while (n && !(n & 1023) && unit < 4) {
		n >>= 10;
		unit++;
	}
	snprintf(out, SCALAR_TEXT, "%" PRIu64 "%s", n, units[unit]);
}

static const char *word(const struct member *m, u64 index)
{
	for (u64 i = 0; m->words[i]; i++)
		if (i == index)
			return m->words[i];
	return NULL;
}

/* The text of a scalar member; NULL only for a text that is NULL. */
static const char *scalar_text(const struct member *m, const void *object, char *buf)
{
	const u8 *at = (const u8 *)object + m->offset;
	const char *w;

	switch (m->kind) {
	case MEMBER_TEXT:
		return *(const char *const *)at;
	case MEMBER_BOOL:
		return *(const bool *)at ? "true" : "false";
	case MEMBER_BDF:
		return bdf_text(*(const struct bdf *)at, buf);
	case MEMBER_PATH:
		pci_path_text((const struct pci_path *)at, buf, SCALAR_TEXT);
		return buf;
	case MEMBER_HEX:
		snprintf(buf, SCALAR_TEXT, "0x%0*" PRIx64, m->digits, member_number(m, object));
		return buf;
	case MEMBER_SIZE:
		size_text(member_number(m, object), buf);
		return buf;
	case MEMBER_ENUM:
		w = word(m, member_number(m, object));
		return w ? w : "?"; /* a bug elsewhere: no reader takes it */
	default:
		snprintf(buf, SCALAR_TEXT, "%" PRIu64, member_number(m, object));
		return buf;
	}
}

static const u8 *list_of(const struct member *m, const void *object, u32 *n)
{
	*n = *(const u32 *)((const u8 *)object + m->count);
	return *(const u8 *const *)((const u8 *)object + m->offset);
}

/* ---- YAML ------------------------------------------------------------------------------------ */

struct yaml {
	yaml_emitter_t emitter;
	bool bad;
};

static void emit(struct yaml *y, yaml_event_t *e, int made)
{
	if (!made || y->bad) {
		y->bad = true;
		if (made)
			yaml_event_delete(e);
		return;
	}
	y->bad = !yaml_emitter_emit(&y->emitter, e);
}

static void yaml_text(struct yaml *y, const char *text, bool quote)
{
	yaml_scalar_style_t style =
	    quote ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t e;

	emit(y, &e,
	     yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text,
					  (int)strlen(text), 1, 1, style));
}

static void yaml_object(struct yaml *y, const struct shape *s, const void *object);

static void yaml_list(struct yaml *y, const struct shape *s, const u8 *items, u32 n)
{
	yaml_sequence_style_t style =
	    shape_scalar(s) && s->flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
	yaml_event_t e;

	emit(y, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, style));
	for (u32 i = 0; i < n; i++)
		yaml_object(y, s, items + (size_t)i * s->size);
	emit(y, &e, yaml_sequence_end_event_initialize(&e));
}

static void yaml_flags(struct yaml *y, const struct member *m, const void *object)
{
	u64 bits = member_number(m, object);
	yaml_event_t e;

	emit(y, &e,
	     yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE));
	for (u32 i = 0; m->words[i]; i++)
		if (bits >> i & 1)
			yaml_text(y, m->words[i], false);
	emit(y, &e, yaml_sequence_end_event_initialize(&e));
}

static void yaml_value(struct yaml *y, const struct member *m, const void *object)
{
	char buf[SCALAR_TEXT];
	const u8 *items;
	u32 n;

	switch (m->kind) {
	case MEMBER_OBJECT:
		yaml_object(y, m->of, (const u8 *)object + m->offset);
		break;
	case MEMBER_LIST:
		items = list_of(m, object, &n);
		yaml_list(y, m->of, items, n);
		break;
	case MEMBER_FLAGS:
		yaml_flags(y, m, object);
		break;
	default:
		/* Quoted: other readers take a name for a truth value, 00:01.0 for a number to base 60. */
		yaml_text(y, scalar_text(m, object, buf),
			  m->kind == MEMBER_TEXT || m->kind == MEMBER_BDF ||
			      m->kind == MEMBER_PATH);
	}
}

static void yaml_object(struct yaml *y, const struct shape *s, const void *object)
{
	yaml_event_t e;

	if (shape_scalar(s)) {
		yaml_value(y, &s->members[0], object);
		return;
	}
	emit(y, &e,
	     yaml_mapping_start_event_initialize(
		 &e, NULL, NULL, 1, s->flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE));
	for (u32 i = 0; i < s->n; i++) {
		const struct member *m = &s->members[i];

		if (member_absent(m, object) && (!m->required || m->kind == MEMBER_TEXT))
			continue;
		yaml_text(y, m->key, false);
		yaml_value(y, m, object);
	}
	emit(y, &e, yaml_mapping_end_event_initialize(&e));
}

bool facts_write_yaml(const struct facts *f, FILE *out)
{
	struct yaml y = {.bad = false};
	yaml_event_t e;

	fputs(
	    "# Facts about a machine, written by 'caprock probe'. What is not here is zero or not "
	    "known.\n",
	    out);
	if (!yaml_emitter_initialize(&y.emitter))
		return false;
	yaml_emitter_set_output_file(&y.emitter, out);
	yaml_emitter_set_unicode(&y.emitter, 1);
	yaml_emitter_set_width(&y.emitter, -1);
	emit(&y, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
	emit(&y, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
	yaml_object(&y, &facts_shape, f);
	emit(&y, &e, yaml_document_end_event_initialize(&e, 1));
	emit(&y, &e, yaml_stream_end_event_initialize(&e));
	yaml_emitter_delete(&y.emitter);
	return !fflush(out) && !ferror(out) && !y.bad;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_members(struct json *j, const struct shape *s, const void *object);

static void json_item(struct json *j, const struct member *m, const char *key, const void *object);

static void json_list(struct json *j, const char *key, const struct shape *s, const u8 *items,
		      u32 n)
{
	json_array(j, key);
	for (u32 i = 0; i < n; i++) {
		const u8 *item = items + (size_t)i * s->size;

		if (shape_scalar(s)) {
			json_item(j, &s->members[0], NULL, item);
		} else {
			json_object(j, NULL);
			json_members(j, s, item);
			json_end(j, '}');
		}
	}
	json_end(j, ']');
}

static void json_flags(struct json *j, const struct member *m, const char *key, const void *object)
{
	u64 bits = member_number(m, object);

	json_array(j, key);
	for (u32 i = 0; m->words[i]; i++)
		if (bits >> i & 1)
			json_string(j, NULL, m->words[i]);
	json_end(j, ']');
}

static void json_item(struct json *j, const struct member *m, const char *key, const void *object)
{
	char buf[SCALAR_TEXT];
	const u8 *items;
	u32 n;

	switch (m->kind) {
	case MEMBER_OBJECT:
		json_object(j, key);
		json_members(j, m->of, (const u8 *)object + m->offset);
		json_end(j, '}');
		break;
	case MEMBER_LIST:
		items = list_of(m, object, &n);
		json_list(j, key, m->of, items, n);
		break;
	case MEMBER_FLAGS:
		json_flags(j, m, key, object);
		break;
	case MEMBER_BOOL:
		json_bool(j, key, *(const bool *)((const u8 *)object + m->offset));
		break;
	case MEMBER_NUMBER:
	case MEMBER_SIZE:
		if (m->unknowable && member_absent(m, object))
			json_string(j, key, NULL);
		else
			json_number(j, key, member_number(m, object));
		break;
	default:
		json_string(j, key, scalar_text(m, object, buf));
	}
}

static void json_members(struct json *j, const struct shape *s, const void *object)
{
	for (u32 i = 0; i < s->n; i++)
		json_item(j, &s->members[i], s->members[i].key, object);
}

bool facts_write_json(const struct facts *f, FILE *out)
{
	struct json j = {.out = out};

	json_object(&j, NULL);
	json_members(&j, &facts_shape, f);
	json_end(&j, '}');
	return !fflush(out) && !ferror(out);
}
