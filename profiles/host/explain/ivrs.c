/* The IVRS table for people and programs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "iommu/tables/ivrs.h"
#include "profiles/host/explain/explain.h"
#include "profiles/host/verb.h"

#define PLACE 128

static const char *const kinds[] = {
    [IVRS_ALL] = "all",	      [IVRS_SELECT] = "select", [IVRS_RANGE] = "range",
    [IVRS_IOAPIC] = "ioapic", [IVRS_HPET] = "hpet",	[IVRS_SPECIAL] = "special",
    [IVRS_ACPI] = "acpi",
};

static const struct {
	uint8_t bit;
	const char *name;
} settings[] = {
    {IVRS_INIT_PASS, "INIT"},	{IVRS_EINT_PASS, "ExtINT"}, {IVRS_NMI_PASS, "NMI"},
    {IVRS_LINT0_PASS, "LINT0"}, {IVRS_LINT1_PASS, "LINT1"},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static void entry_json(struct json *j, const struct ivrs_entry *v)
{
	char text[PLACE];

	json_object(j, NULL);
	json_string(j, "kind", kinds[v->kind]);
	json_number(j, "type", v->type);
	ivrs_devid_text(v->first, text, sizeof(text));
	json_string(j, "first", text);
	ivrs_devid_text(v->last, text, sizeof(text));
	json_string(j, "last", text);
	if (v->aliased) {
		ivrs_devid_text(v->alias, text, sizeof(text));
		json_string(j, "alias", text);
	}
	json_hex(j, "settings", v->settings);
	if (v->extended)
		json_hex(j, "extended", v->extended);
	if (v->kind == IVRS_IOAPIC || v->kind == IVRS_HPET || v->kind == IVRS_SPECIAL) {
		json_number(j, "handle", v->handle);
		json_number(j, "variety", v->variety);
	}
	if (v->kind == IVRS_ACPI) {
		json_string(j, "hid", v->hid);
		json_string(j, "cid", v->cid);
		json_string(j, "uid", v->uid);
	}
	json_end(j, '}');
}

static void print_json(struct json *j, const struct ivrs *v)
{
	char text[PLACE];

	json_hex(j, "info", v->info);
	json_array(j, "units");
	for (uint32_t i = 0; i < v->nunits; i++) {
		const struct ivrs_unit *u = &v->units[i];

		json_object(j, NULL);
		json_hex(j, "type", u->type);
		json_bool(j, "used", u->used);
		json_hex(j, "base", u->base);
		json_number(j, "segment", u->segment);
		ivrs_devid_text(u->devid, text, sizeof(text));
		json_string(j, "device", text);
		json_hex(j, "capability", u->capability);
		json_hex(j, "flags", u->flags);
		json_hex(j, "info", u->info);
		json_hex(j, "attributes", u->attributes);
		json_hex(j, "features", u->features);
		json_hex(j, "features2", u->features2);
		json_array(j, "entries");
		for (uint32_t k = 0; k < u->nentries; k++)
			entry_json(j, &u->entries[k]);
		json_end(j, ']');
		json_end(j, '}');
	}
	json_end(j, ']');
	json_array(j, "reserved");
	for (uint32_t i = 0; i < v->nreserved; i++) {
		const struct ivrs_reserved *r = &v->reserved[i];

		json_object(j, NULL);
		json_hex(j, "type", r->type);
		json_hex(j, "base", r->base);
		json_hex(j, "length", r->length);
		json_number(j, "segment", r->segment);
		ivrs_devid_text(r->first, text, sizeof(text));
		json_string(j, "first", text);
		ivrs_devid_text(r->last, text, sizeof(text));
		json_string(j, "last", text);
		json_bool(j, "unity", r->flags & IVRS_UNITY);
		json_bool(j, "read", r->flags & IVRS_READ);
		json_bool(j, "write", r->flags & IVRS_WRITE);
		json_bool(j, "exclusion", r->flags & IVRS_EXCLUDE);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_number(j, "unknown_blocks", v->nunknown);
}

static void entry_text(FILE *out, const struct ivrs_entry *v)
{
	char text[PLACE], alias[16];
	const char *before = "; may pass ";

	ivrs_entry_text(v, text, sizeof(text));
	fprintf(out, "    %s", text);
	if (v->aliased) {
		ivrs_devid_text(v->alias, alias, sizeof(alias));
		fprintf(out, ", seen as %s", alias);
	}
	for (size_t i = 0; i < SETTINGS; i++)
		if (v->settings & settings[i].bit) {
			fprintf(out, "%s%s", before, settings[i].name);
			before = ", ";
		}
	if (v->extended >> 31)
		fprintf(out, "; no ATS");
	fputc('\n', out);
}

static void print_text(FILE *out, const struct ivrs *v)
{
	char text[PLACE], to[16];

	fprintf(out, "  physical addresses of %u bits, virtual of %u\n", v->info >> 8 & 0x7f,
		v->info >> 15 & 0x7f);
	for (uint32_t i = 0; i < v->nunits; i++) {
		const struct ivrs_unit *u = &v->units[i];

		ivrs_devid_text(u->devid, text, sizeof(text));
		fprintf(out,
			"  IOMMU %04x:%s (IVHD %02xh%s): registers at %#" PRIx64
			", features %#" PRIx64 "\n",
			u->segment, text, u->type, u->used ? "" : ", for older software", u->base,
			u->features);
		for (uint32_t k = 0; u->used && k < u->nentries; k++)
			entry_text(out, &u->entries[k]);
	}
	for (uint32_t i = 0; i < v->nreserved; i++) {
		const struct ivrs_reserved *r = &v->reserved[i];

		ivrs_devid_text(r->first, text, sizeof(text));
		ivrs_devid_text(r->last, to, sizeof(to));
		fprintf(out,
			"  range %u (IVMD %02xh): %#" PRIx64 ", %" PRIu64
			" KiB, %s%s%s for %s%s%s\n",
			i, r->type, r->base, r->length >> 10,
			r->flags & IVRS_EXCLUDE ? "exclusion" : "",
			r->flags & IVRS_READ && !(r->flags & IVRS_EXCLUDE) ? "read" : "",
			r->flags & IVRS_WRITE && !(r->flags & IVRS_EXCLUDE) ? "write" : "", text,
			r->first == r->last ? "" : " to ", r->first == r->last ? "" : to);
	}
}

int explain_ivrs(struct explain *e, const char *file, const uint8_t *bytes, size_t size)
{
	size_t room = ivrs_memory(size);
	void *memory = malloc(room);
	struct ivrs v;
	int err;

	if (!memory) {
		perror("caprock");
		exit(EXIT_USAGE);
	}
	err = ivrs_parse(bytes, size, memory, room, &v, explain_keep_note, e);
	if (!v.header.signature[0])
		strcpy(v.header.signature, "IVRS");
	explain_header(e, file, size, &v.header, v.complete);
	if (e->json)
		print_json(e->json, &v);
	else if (!err || v.nunits)
		print_text(e->out, &v);
	explain_notes(e, err);
	e->have_iommu = e->have_iommu || v.nunits;
	for (uint32_t i = 0; i < v.nunits; i++)
		for (uint32_t k = 0; k < v.units[i].nentries; k++)
			if (v.units[i].entries[k].kind == IVRS_IOAPIC)
				e->ioapics_covered[v.units[i].entries[k].handle / 32] |=
				    1u << (v.units[i].entries[k].handle % 32);
	free(memory);
	return err ? EXIT_NO : EXIT_YES;
}
