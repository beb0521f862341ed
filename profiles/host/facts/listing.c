#include <inttypes.h>

#include "profiles/host/facts/listing.h"
#include "profiles/host/facts/write.h"

static void list_processors(const struct facts *f, FILE *out)
{
	const struct facts_processors *p = &f->processors;
	u64 ram = 0;

	for (u32 i = 0; i < f->nmemory; i++)
		if (f->memory[i].kind == MEMORY_RAM)
			ram += f->memory[i].size;
	if (f->firmware.product)
		fprintf(out, "Machine: %s %s, firmware %s %s\n",
			f->firmware.system_vendor ? f->firmware.system_vendor : "",
			f->firmware.product, f->firmware.version ? f->firmware.version : "?",
			f->firmware.boot ? f->firmware.boot : "");
	if (p->ncpus)
		fprintf(out, "Processors: %u %s%s, virtualization %s, x2APIC %s, %u node%s\n",
			p->ncpus, p->model ? p->model : "(not named)", p->smt ? " with SMT" : "",
			p->virtualization ? "on" : "not found", p->x2apic ? "on" : "not found",
			f->nnodes, f->nnodes == 1 ? "" : "s");
	if (ram)
		fprintf(out, "Memory: %" PRIu64 " MiB\n", ram >> 20);
}

static void list_iommus(const struct facts *f, FILE *out)
{
	static const char *const kinds[] = {"no IOMMU", "VT-d", "AMD-Vi"};
	const struct facts_iommu *io = &f->iommu;
	char bdf[BDF_TEXT];

	fprintf(out, "IOMMU: %s", kinds[io->kind]);
	if (io->kind)
		fprintf(out, ", %u unit%s, interrupt remapping %s, %u reserved range%s", io->units,
			io->units == 1 ? "" : "s", io->interrupt_remapping ? "on" : "OFF", io->rmrr,
			io->rmrr == 1 ? "" : "s");
	fputc('\n', out);
	for (u32 i = 0; i < io->nreserved; i++) {
		const struct facts_reserved *r = &io->reserved[i];

		fprintf(out, "  reserved: %#" PRIx64 ", %" PRIu64 " KiB, for", r->base,
			r->size >> 10);
		for (u32 k = 0; k < r->nfunctions; k++)
			fprintf(out, " %s", bdf_text(r->functions[k], bdf));
		for (u32 k = 0; !r->nfunctions && k < r->nscopes; k++)
			fprintf(out, "%s%s", k ? ", " : " ", r->scopes[k]);
		fputc('\n', out);
	}
	for (u32 i = 0; i < io->nnotes; i++)
		fprintf(out, "  %s: %s%s%s\n", io->notes[i].level, io->notes[i].text,
			io->notes[i].remedy ? ". " : "",
			io->notes[i].remedy ? io->notes[i].remedy : "");
}

/*
 * "IOMMU Group 7 01:00.0 VGA compatible controller [0300]: NVIDIA ... [10de:1b80]", as the scripts print
 * it that everybody uses; segments only where there are several.
 */
static void list_function(const struct facts_function *f, u32 group, bool segments, FILE *out)
{
	char bdf[BDF_TEXT];

	fprintf(out, "IOMMU Group %u %s %s [%04x]: ", group,
		bdf_text(f->bdf, bdf) + (segments ? 0 : 5), f->class_name ? f->class_name : "Class",
		f->class_code >> 8);
	if (f->vendor_name)
		fprintf(out, "%s ", f->vendor_name);
	fprintf(out, "%s [%04x:%04x]\n", f->device_name ? f->device_name : "Device", f->vendor,
		f->device);
	fprintf(out, "    assignable: %s%s%s\n", f->assignable ? "yes" : "no",
		!f->because	? ""
		: f->assignable ? ", "
				: ", because ",
		f->because ? f->because : "");
	if (f->boot_display)
		fputs("    the boot screen is on it\n", out);
	if (f->boot_medium)
		fputs("    the running system started from it\n", out);
}

/* By Linux's numbers where it has them for all. */
static void list_groups(const struct facts *f, FILE *out)
{
	bool segments = false, kernel = f->nfunctions != 0;
	u32 last = 0;

	for (u32 i = 0; i < f->nfunctions; i++) {
		const struct facts_function *g = &f->functions[i];

		segments |= g->bdf.segment != 0;
		kernel &= g->kernel_group != FACTS_UNKNOWN;
	}
	for (u32 i = 0; i < f->nfunctions; i++) {
		u32 group = kernel ? f->functions[i].kernel_group : f->functions[i].group;

		if (group > last)
			last = group;
	}
	for (u32 group = 0; f->nfunctions && group <= last; group++)
		for (u32 i = 0; i < f->nfunctions; i++) {
			const struct facts_function *g = &f->functions[i];

			if ((kernel ? g->kernel_group : g->group) == group)
				list_function(g, group, segments, out);
		}
}

static void list_gpus(const struct facts *f, FILE *out)
{
	char bdf[BDF_TEXT];

	for (u32 i = 0; i < f->ngpus; i++) {
		const struct facts_gpu *g = &f->gpus[i];

		fprintf(out, "GPU %s: driver %s", bdf_text(g->bdf, bdf),
			g->driver ? g->driver : "none");
		if (g->memory)
			fprintf(out, ", %" PRIu64 " MiB", g->memory >> 20);
		fputc('\n', out);
		for (u32 k = 0; k < g->noutputs; k++) {
			const struct facts_output *o = &g->outputs[k];

			fprintf(out, "    %s: %s", o->name,
				o->connected ? "connected" : "nothing connected");
			if (o->monitor)
				fprintf(out, ", %s", o->monitor);
			if (o->nmodes)
				fprintf(out, ", %ux%u", o->modes[0].width, o->modes[0].height);
			fputc('\n', out);
		}
	}
}

void facts_list(const struct facts *f, FILE *out)
{
	list_processors(f, out);
	list_iommus(f, out);
	list_groups(f, out);
	list_gpus(f, out);
	for (u32 i = 0; i < f->nmissing; i++)
		fprintf(out, "missing: %s\n", f->missing[i]);
}
