/* caprock explain SITE: the plan in words, as a table and as a picture. */
#include <errno.h>
#include <string.h>

#include "profiles/host/options.h"
#include "profiles/host/picture/picture.h"
#include "profiles/host/study/study.h"
#include "profiles/host/verb.h"

static const char *mib(struct study *s, u64 bytes)
{
	return bytes % GIB(1) ? chunks_print(&s->mem, "%llu MiB", (unsigned long long)bytes >> 20)
			      : chunks_print(&s->mem, "%llu GiB", (unsigned long long)bytes >> 30);
}

/* "2-5 8" */
static const char *cpu_list(struct study *s, const struct plan_workstation *ws)
{
	const char *text = "";

	for (u32 i = 0; i < ws->ncpus;) {
		u32 last = i;

		while (last + 1 < ws->ncpus && ws->cpus[last + 1] == ws->cpus[last] + 1)
			last++;
		text = last == i ? chunks_print(&s->mem, "%s%s%u", text, i ? " " : "", ws->cpus[i])
				 : chunks_print(&s->mem, "%s%s%u-%u", text, i ? " " : "",
						ws->cpus[i], ws->cpus[last]);
		i = last + 1;
	}
	return text;
}

static u32 cpu_node(const struct study *s, u32 apic_id)
{
	u32 i = machine_find_cpu(&s->machine, apic_id);

	return i == ~0u ? 0 : s->machine.cpus[i].node;
}

static u64 memory_of(const struct plan_workstation *ws)
{
	u64 bytes = 0;

	for (u32 i = 0; i < ws->nram; i++)
		bytes += ws->ram[i].size;
	return bytes;
}

static const char *device_text(struct study *s, u32 w, u32 i)
{
	const struct facts_function *f =
	    &s->facts->functions[s->resolved.workstations[w].functions[i]];
	struct address_text at;

	return chunks_print(&s->mem, "%s %s (%04x:%04x)", address_bdf_text(&at, f->bdf),
			    f->device_name  ? f->device_name
			    : f->class_name ? f->class_name
					    : "device",
			    f->vendor, f->device);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void explain_virtual(struct study *s, u32 w, u32 i)
{
	const struct facts_function *f =
	    &s->facts->functions[s->resolved.workstations[w].functions[i]];

	printf(
	    "  For it the hypervisor keeps %s and switches on %u of its %u virtual functions%s.\n",
	    device_text(s, w, i), s->resolved.wants[w].devices[i].num_vfs, f->sriov.total,
	    class_matches(CLASS_DISPLAY, f->class_code)
		? ", which is experimental for graphics cards"
		: "");
}

static void explain_devices(struct study *s, u32 w)
{
	const struct want *want = &s->resolved.wants[w];

	for (u32 i = 0; i < want->ndevices; i++) {
		const struct facts_function *f =
		    &s->facts->functions[s->resolved.workstations[w].functions[i]];
		const struct plan_device *d = &want->devices[i];

		if (d->sriov_vfs) {
			explain_virtual(s, w, i);
			continue;
		}
		printf("  It owns %s%s%s%s", device_text(s, w, i),
		       f->resets & (RESET_FLR | RESET_AF_FLR) ? ", reset by function"
		       : f->resets & RESET_PM		      ? ", reset by power state"
							      : ", reset with its bus",
		       d->rom ? ", with a ROM from a file" : "",
		       d->keep_reserved ? ", which keeps the memory firmware reserved for it" : "");
		if (f->node != FACTS_UNKNOWN)
			printf(", on NUMA node %u", f->node);
		puts(".");
	}
}

static void explain_head(const struct profile_head *h, const struct head *told)
{
	printf("  A monitor is on %s", h->output ? h->output : "the next free output");
	if (told->connector[0] && !(h->output && !strcmp(told->connector, h->output)))
		printf(", which its kernel calls %s", told->connector);
	if (h->mode.width)
		printf(", %ux%u at %u Hz", h->mode.width, h->mode.height, h->mode.hz);
	if (h->edid)
		printf(", with the EDID of %s", h->edid);
	puts(".");
}

static void explain_workstation(struct study *s, u32 w)
{
	const struct plan_workstation *ws = &s->plan.workstations[w];
	const struct profile *p = &s->site->workstations[w];
	u32 node = ws->ncpus ? cpu_node(s, ws->cpus[0]) : 0;
	bool one_node = true;

	for (u32 i = 0; i < ws->ncpus; i++)
		one_node &= cpu_node(s, ws->cpus[i]) == node;
	printf("\n%s (%s:%u)\n", ws->name, p->p.at.file, p->p.at.line);
	printf("  It has %u processor%s to itself: %s%s.\n", ws->ncpus, ws->ncpus == 1 ? "" : "s",
	       cpu_list(s, ws),
	       one_node ? chunks_print(&s->mem, ", all on NUMA node %u", node)
			: ", on more than one NUMA node");
	printf("  It has %s of memory in %u piece%s, and %s for tables and state.\n",
	       mib(s, memory_of(ws)), ws->nram, ws->nram == 1 ? "" : "s",
	       chunks_print(&s->mem, "%llu KiB", (unsigned long long)ws->grant.size >> 10));
	printf("  It %s %s%s%s%s.\n", ws->autostart ? "starts" : "can be started with", ws->kernel,
	       ws->initrd ? " with " : "", ws->initrd ? ws->initrd : "",
	       ws->rights & RIGHT_SERVICE ? ", and may see counters and control the others" : "");
	explain_devices(s, w);
	for (u32 i = 0; i < p->nheads; i++)
		explain_head(&p->heads[i], &s->resolved.workstations[w].heads[i]);
	if (GIVEN(p, stream))
		printf("  Its desktop is streamed on TCP port %u, login by %s.\n", p->stream.port,
		       stream_security[p->stream.security]);
}

/* ---- table ----------------------------------------------------------------------------------- */

static void table_row(const char *owner, const char *processors, const char *memory,
		      const char *devices)
{
	printf("%-20s %-24s %12s  %s\n", owner, processors, memory, devices);
}

static void table(struct study *s)
{
	u64 ram = 0, dealt = s->plan.hv.size + s->plan.bundle.size;
	u32 cpus = 0, host = 0;

	puts("");
	table_row("owner", "processors", "memory", "devices");
	for (u32 i = 0; i < s->machine.ncpus; i++)
		host +=
		    machine_same_core(&s->machine.cpus[i], &s->machine.cpus[s->machine.boot_cpu]);
	for (u32 i = 0; i < s->machine.nmemory; i++)
		if (s->machine.memory[i].kind == MEMORY_RAM)
			ram += s->machine.memory[i].size;
	table_row("hypervisor", chunks_print(&s->mem, "%u of the boot core", host),
		  chunks_print(&s->mem, "%llu MiB", (unsigned long long)dealt >> 20), "");
	for (u32 w = 0; w < s->plan.nworkstations; w++) {
		const struct plan_workstation *ws = &s->plan.workstations[w];

		cpus += ws->ncpus;
		dealt += memory_of(ws) + ws->grant.size;
		table_row(ws->name, cpu_list(s, ws), mib(s, memory_of(ws)),
			  s->resolved.wants[w].ndevices ? device_text(s, w, 0) : "");
		for (u32 i = 1; i < s->resolved.wants[w].ndevices; i++)
			table_row("", "", "", device_text(s, w, i));
	}
	table_row("nobody", chunks_print(&s->mem, "%u", s->machine.ncpus - host - cpus),
		  chunks_print(&s->mem, "%llu MiB", (unsigned long long)(ram - dealt) >> 20), "");
}

static int write_picture(struct study *s, const char *path)
{
	FILE *f = fopen(path, "w");
	bool bad;

	if (f) {
		picture_write(s, f);
		bad = ferror(f);
		if (!fclose(f) && !bad)
			return EXIT_YES;
	}
	fprintf(stderr, "caprock explain: %s: %s\n", path, strerror(errno));
	return EXIT_USAGE;
}

static int explain(struct study *s, const char *svg)
{
	printf("%s: %u workstation%s on %s.\n", s->path, s->plan.nworkstations,
	       s->plan.nworkstations == 1 ? "" : "s",
	       s->site->machine ? s->site->machine : "the emulator's machine");
	printf("The hypervisor keeps processor %u and its core, %llu MiB of memory for itself and "
	       "%llu MiB for kernels and initrds.\n",
	       s->plan.host_cpu, (unsigned long long)s->plan.hv.size >> 20,
	       (unsigned long long)s->plan.bundle.size >> 20);
	for (u32 w = 0; w < s->plan.nworkstations; w++)
		explain_workstation(s, w);
	table(s);
	return svg ? write_picture(s, svg) : EXIT_YES;
}

int verb_explain(int argc, char **argv)
{
	const char *site = NULL, *svg = NULL;
	const struct option_row rows[] = {
	    {"svg", "FILE", OPTION_TEXT, &svg,
	     "also draw cores, memory and devices with their owners"},
	};
	const struct verb_usage usage = {
	    .verb = argv[0],
	    .summary = "Say in words and as a table who gets what, and from where.",
	    .operand = "SITE",
	    .operand_at = &site,
	    .rows = rows,
	    .n = ARRAY_SIZE(rows),
	    .status = "0 explained, 2 usage, 3 the site is refused: its errors are shown instead",
	};
	struct study s;
	int status = options_read(&usage, argc, argv);

	if (status != OPTIONS_GO)
		return status;
	study_all(&s, site);
	study_print(&s, stderr);
	status = study_status(&s);
	if (status == EXIT_YES)
		status = explain(&s, svg);
	study_free(&s);
	return status;
}
