/* The tables beside DMAR and IVRS that say what these refer to: cores and I/O APICs, config space. */
#include <inttypes.h>
#include <string.h>

#include "core/acpi/madt.h"
#include "core/acpi/mcfg.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "profiles/host/explain/explain.h"
#include "profiles/host/verb.h"

/* ERR_CORRUPT is a wrong sum: the table is read all the same. */
static int open_other(struct explain *e, const char *file, const uint8_t *bytes, size_t size,
		      const char *signature)
{
	struct table_header h = {.checksum_ok = true};
	int err = acpi_check(bytes, size, signature);

	if (err == ERR_CORRUPT) {
		h.checksum_ok = false;
		err = OK;
	}
	if (!err) {
		struct table t = {.bytes = bytes, .length = (uint32_t)size};

		h.revision = bytes[8];
		table_text(&t, 10, 6, h.oem_id, sizeof(h.oem_id));
		table_text(&t, 16, 8, h.oem_table_id, sizeof(h.oem_table_id));
	}
	strcpy(h.signature, signature);
	explain_header(e, file, size, &h, !err);
	return err;
}

static void keep(struct explain *e, uint32_t offset, const char *name, const char *text)
{
	struct table_note note = {.level = NOTE_ODD, .name = name, .offset = offset};

	fmt(note.text, sizeof(note.text), "%s", text);
	explain_keep_note(e, &note);
}

int explain_madt(struct explain *e, const char *file, const uint8_t *bytes, size_t size)
{
	int err = open_other(e, file, bytes, size, "APIC");
	uint32_t cores = 0, wide = 0;
	const char *why = NULL;
	struct acpi_cursor c;
	struct madt_entry m;

	if (err) {
		explain_notes(e, err);
		return EXIT_NO;
	}
	cores = madt_cpus(bytes, NULL, 0, &why);
	if (why)
		keep(e, 44, "cores", why);
	if (e->json)
		json_array(e->json, "ioapics");
	for (c = madt_entries(bytes); madt_next(&c, &m);) {
		wide += m.kind == MADT_CPU && m.cpu.enabled && m.cpu.apic_id > 254;
		if (m.kind != MADT_IOAPIC)
			continue;
		e->ioapics_there[m.ioapic.id / 32] |= 1u << (m.ioapic.id % 32);
		if (e->json) {
			json_object(e->json, NULL);
			json_number(e->json, "id", m.ioapic.id);
			json_hex(e->json, "address", m.ioapic.address);
			json_number(e->json, "gsi_base", m.ioapic.gsi_base);
			json_end(e->json, '}');
		} else {
			fprintf(e->out, "  I/O APIC %u at %#x, interrupts from %u\n", m.ioapic.id,
				m.ioapic.address, m.ioapic.gsi_base);
		}
	}
	if (c.why)
		keep(e, c.at, "entries-broken", c.why);
	if (e->json) {
		json_end(e->json, ']');
		json_number(e->json, "cores", cores);
		json_number(e->json, "cores_beyond_8_bits", wide);
	} else {
		fprintf(e->out, "  %u cores%s\n", cores,
			wide ? ", some with APIC ids beyond 8 bits: x2APIC is a must" : "");
	}
	e->have_madt = true;
	explain_notes(e, OK);
	return EXIT_YES;
}

int explain_mcfg(struct explain *e, const char *file, const uint8_t *bytes, size_t size)
{
	int err = open_other(e, file, bytes, size, "MCFG");
	struct mcfg_window w;

	if (err) {
		explain_notes(e, err);
		return EXIT_NO;
	}
	if (e->json)
		json_array(e->json, "windows");
	for (uint32_t i = 0; (err = mcfg_window(bytes, i, &w)) != ERR_NOENT; i++) {
		if (err) {
			keep(
			    e, 44 + 16 * i, "window",
			    "a window of configuration space has no possible base or runs backward; it is "
			    "passed over");
		} else if (e->json) {
			json_object(e->json, NULL);
			json_hex(e->json, "base", w.base.v);
			json_number(e->json, "segment", w.segment);
			json_number(e->json, "first_bus", w.first_bus);
			json_number(e->json, "last_bus", w.last_bus);
			json_end(e->json, '}');
		} else {
			fprintf(e->out,
				"  configuration space at %#" PRIx64
				", segment %u, buses %02x to %02x\n",
				w.base.v, w.segment, w.first_bus, w.last_bus);
		}
	}
	if (e->json)
		json_end(e->json, ']');
	explain_notes(e, OK);
	return EXIT_YES;
}

void explain_together(struct explain *e)
{
	for (unsigned id = 0; id < 256 && e->have_madt && e->have_iommu; id++) {
		struct table_note note = {.level = NOTE_ODD, .name = "ioapic-uncovered"};
		bool there = e->ioapics_there[id / 32] >> (id % 32) & 1;
		bool covered = e->ioapics_covered[id / 32] >> (id % 32) & 1;

		if (there == covered)
			continue;
		if (there) {
			fmt(note.text, sizeof(note.text),
			    "I/O APIC %u (MADT) is behind no unit of the DMAR or IVRS: interrupts of its pins "
			    "stay blocked; message-signalled interrupts are not concerned; a firmware update "
			    "may name it",
			    id);
		} else {
			note.level = NOTE_INFO;
			note.name = "ioapic-unknown";
			fmt(note.text, sizeof(note.text),
			    "the DMAR or IVRS names I/O APIC %u, which the MADT does not have; it is not used",
			    id);
		}
		explain_keep_note(e, &note);
	}
	explain_notes(e, OK);
}
