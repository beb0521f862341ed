/* The DMAR table for people and programs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "iommu/tables/dmar.h"
#include "profiles/host/explain/explain.h"
#include "profiles/host/verb.h"

#define PLACE 128

static void scopes_json(struct json *j, uint16_t segment, uint32_t n, const struct dmar_scope *s)
{
	json_array(j, "scopes");
	for (uint32_t i = 0; i < n; i++) {
		char place[PLACE];

		dmar_scope_text(segment, &s[i], place, sizeof(place));
		json_object(j, NULL);
		json_string(j, "type", dmar_scope_name(s[i].type));
		json_number(j, "type_number", s[i].type);
		json_number(j, "id", s[i].id);
		json_number(j, "flags", s[i].flags);
		json_number(j, "bus", s[i].bus);
		json_array(j, "path");
		for (uint32_t k = 0; k < s[i].depth; k++) {
			char hop[8];

			snprintf(hop, sizeof(hop), "%02x.%x", s[i].path[k].device,
				 s[i].path[k].function);
			json_string(j, NULL, hop);
		}
		json_end(j, ']');
		json_string(j, "text", place);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void scopes_text(FILE *out, uint16_t segment, uint32_t n, const struct dmar_scope *s)
{
	for (uint32_t i = 0; i < n; i++) {
		char place[PLACE];

		dmar_scope_text(segment, &s[i], place, sizeof(place));
		if (s[i].type == DMAR_SCOPE_ENDPOINT || s[i].type == DMAR_SCOPE_BRIDGE)
			fprintf(out, "    %s %s\n", dmar_scope_name(s[i].type), place);
		else
			fprintf(out, "    %s\n", place);
	}
}

static void groups_json(struct json *j, const char *key, const char *flag, uint32_t n,
			const struct dmar_group *g)
{
	json_array(j, key);
	for (uint32_t i = 0; i < n; i++) {
		json_object(j, NULL);
		json_number(j, "segment", g[i].segment);
		if (flag)
			json_bool(j, flag, g[i].flags & 1);
		scopes_json(j, g[i].segment, g[i].nscopes, g[i].scopes);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void groups_text(FILE *out, const char *what, const char *flag, uint32_t n,
			const struct dmar_group *g)
{
	for (uint32_t i = 0; i < n; i++) {
		fprintf(out, "  %s, segment %u%s\n", what, g[i].segment,
			g[i].flags & 1 ? flag : "");
		scopes_text(out, g[i].segment, g[i].nscopes, g[i].scopes);
	}
}

static void print_json(struct json *j, const struct dmar *d)
{
	json_number(j, "address_width", d->address_width);
	json_bool(j, "interrupt_remapping", d->flags & DMAR_INTR_REMAP);
	json_bool(j, "x2apic_opt_out", d->flags & DMAR_X2APIC_OPTOUT);
	json_bool(j, "dma_control_opt_in", d->flags & DMAR_DMA_OPTIN);
	json_array(j, "units");
	for (uint32_t i = 0; i < d->nunits; i++) {
		const struct dmar_unit *u = &d->units[i];

		json_object(j, NULL);
		json_hex(j, "base", u->base);
		json_number(j, "size", u->size);
		json_number(j, "segment", u->segment);
		json_bool(j, "all_others", u->all);
		scopes_json(j, u->segment, u->nscopes, u->scopes);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_array(j, "reserved");
	for (uint32_t i = 0; i < d->nreserved; i++) {
		const struct dmar_reserved *r = &d->reserved[i];

		json_object(j, NULL);
		json_hex(j, "base", r->base);
		json_hex(j, "limit", r->limit);
		json_number(j, "segment", r->segment);
		scopes_json(j, r->segment, r->nscopes, r->scopes);
		json_end(j, '}');
	}
	json_end(j, ']');
	groups_json(j, "atsr", "all_root_ports", d->natsr, d->atsr);
	groups_json(j, "satc", "cache_required", d->nsatc, d->satc);
	groups_json(j, "sidp", NULL, d->nsidp, d->sidp);
	json_array(j, "rhsa");
	for (uint32_t i = 0; i < d->nrhsa; i++) {
		json_object(j, NULL);
		json_hex(j, "base", d->rhsa[i].base);
		json_number(j, "domain", d->rhsa[i].domain);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_array(j, "andd");
	for (uint32_t i = 0; i < d->nandd; i++) {
		json_object(j, NULL);
		json_number(j, "number", d->andd[i].number);
		json_string(j, "name", d->andd[i].name);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_number(j, "unknown_structures", d->nunknown);
}

static void print_text(FILE *out, const struct dmar *d)
{
	fprintf(out, "  DMA addresses of %u bits; interrupt remapping: %s%s%s\n", d->address_width,
		d->flags & DMAR_INTR_REMAP ? "yes" : "NO",
		d->flags & DMAR_X2APIC_OPTOUT ? "; asks not to use x2APIC" : "",
		d->flags & DMAR_DMA_OPTIN ? "; asks to keep DMA blocked while booting" : "");
	for (uint32_t i = 0; i < d->nunits; i++) {
		const struct dmar_unit *u = &d->units[i];

		fprintf(out,
			"  unit %u: registers at %#" PRIx64 " (%" PRIu64 " KiB), segment %u%s\n", i,
			u->base, u->size >> 10, u->segment,
			u->all ? ", covers all devices no other unit names" : "");
		scopes_text(out, u->segment, u->nscopes, u->scopes);
	}
	for (uint32_t i = 0; i < d->nreserved; i++) {
		const struct dmar_reserved *r = &d->reserved[i];

		fprintf(out,
			"  range %u (RMRR): %#" PRIx64 " to %#" PRIx64 ", %" PRIu64 " KiB, for\n",
			i, r->base, r->limit, (r->limit - r->base + 1) >> 10);
		scopes_text(out, r->segment, r->nscopes, r->scopes);
	}
	groups_text(out, "root ports with ATS (ATSR)", ": all of them", d->natsr, d->atsr);
	groups_text(out, "integrated devices with ATS (SATC)", ": they do not work without",
		    d->nsatc, d->satc);
	groups_text(out, "properties of integrated devices (SIDP)", "", d->nsidp, d->sidp);
	for (uint32_t i = 0; i < d->nrhsa; i++)
		fprintf(out, "  unit at %#" PRIx64 " belongs to memory domain %u (RHSA)\n",
			d->rhsa[i].base, d->rhsa[i].domain);
	for (uint32_t i = 0; i < d->nandd; i++)
		fprintf(out, "  ACPI device %u is %s (ANDD)\n", d->andd[i].number, d->andd[i].name);
}

int explain_dmar(struct explain *e, const char *file, const uint8_t *bytes, size_t size)
{
	size_t room = dmar_memory(size);
	void *memory = malloc(room);
	struct dmar d;
	int err;

	if (!memory) {
		perror("caprock");
		exit(EXIT_USAGE);
	}
	err = dmar_parse(bytes, size, memory, room, &d, explain_keep_note, e);
	if (!d.header.signature[0])
		strcpy(d.header.signature, "DMAR");
	explain_header(e, file, size, &d.header, d.complete);
	if (e->json)
		print_json(e->json, &d);
	else if (!err || d.nunits)
		print_text(e->out, &d);
	explain_notes(e, err);
	e->have_iommu = e->have_iommu || d.nunits;
	for (uint32_t i = 0; i < d.nunits; i++)
		for (uint32_t k = 0; k < d.units[i].nscopes; k++)
			if (d.units[i].scopes[k].type == DMAR_SCOPE_IOAPIC)
				e->ioapics_covered[d.units[i].scopes[k].id / 32] |=
				    1u << (d.units[i].scopes[k].id % 32);
	free(memory);
	return err ? EXIT_NO : EXIT_YES;
}
