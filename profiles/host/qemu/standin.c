#include <stdlib.h>
#include <string.h>

#include "core/abi.h"
#include "profiles/host/qemu/standin.h"

#define SLOT_FIRST 2	/* of pcie.0; QEMU keeps 0 and 1f for itself */
#define SLOT_LAST  29	/* 1e is the boot medium's */
#define SLOT_ODD   0x14 /* some IOMMU models treat 14.0 oddly */

/* What QEMU 10 has for a class of device. */
static const struct stand_in {
	enum wish_class class;
	const char *words; /* of its -device, without bus and address */
	const char *needs; /* a -blockdev before it */
	u16 vendor, device, subvendor, subdevice;
	u32 class_code;
	u8 resets;
} stand_ins[] = {
    {CLASS_DISPLAY, "virtio-gpu-pci,iommu_platform=on,disable-legacy=on", NULL, 0x1af4, 0x1050,
     0x1af4, 0x1100, 0x038000, RESET_FLR | RESET_PM},
    {CLASS_NETWORK, "e1000e", NULL, 0x8086, 0x10d3, 0x8086, 0x0000, 0x020000, RESET_PM},
    {CLASS_STORAGE, "nvme,serial=caprock-%u,drive=disk%u",
     "driver=null-co,node-name=disk%u,size=1073741824", 0x1b36, 0x0010, 0x1af4, 0x1100, 0x010802,
     RESET_FLR},
    {CLASS_USB, "qemu-xhci", NULL, 0x1b36, 0x000d, 0x1af4, 0x1100, 0x0c0330, RESET_BUS},
};

struct maker {
	struct study *s;
	const struct standin_options *o;
	struct standin *out;
	u32 room; /* of notes */
	u32 slot, nfunctions;
	struct machine_function *functions;
};

static void note(struct maker *m, const char *text)
{
	if (m->out->nnotes < m->room)
		m->out->notes[m->out->nnotes++] = text;
}

static void arg(struct maker *m, const char *a)
{
	if (m->out->nargs < QEMU_ARGS_MAX - 1)
		m->out->args[m->out->nargs++] = a;
}

/* ---- devices --------------------------------------------------------------------------------- */

static const struct stand_in *stand_in_for(u32 class_code)
{
	for (u32 i = 0; i < ARRAY_SIZE(stand_ins); i++)
		if (class_matches(stand_ins[i].class, class_code))
			return &stand_ins[i];
	return NULL;
}

static const char *numbered(struct maker *m, const char *format, u32 n)
{
	char text[160];

	snprintf(text, sizeof(text), "%s", format);
	for (char *p; (p = strstr(text, "%u"));) {
		char rest[160];

		snprintf(rest, sizeof(rest), "%s", p + 2);
		snprintf(p, sizeof(text) - (size_t)(p - text), "%u%s", n, rest);
	}
	return chunks_copy(&m->s->mem, text);
}

/* Below a root port of its own, as a card in a slot. */
static struct plan_device add_function(struct maker *m, const struct stand_in *q,
				       const struct plan_device *was)
{
	struct chunks *mem = &m->s->mem;
	u32 n = m->nfunctions, slot = m->slot++;
	struct plan_device d = {
	    .path = {.depth = 2, .devfn = {(u8)(slot << 3), 0}},
	    .vendor = q->vendor,
	    .device = q->device,
	    .subvendor = q->subvendor,
	    .subdevice = q->subdevice,
	    .guest_devfn = was->guest_devfn,
	};

	if (m->slot == SLOT_ODD)
		m->slot++;
	arg(m, "-device");
	arg(m, chunks_print(mem, "pcie-root-port,id=port%u,chassis=%u,slot=%u,bus=pcie.0,addr=%x",
			    n, n + 1, n + 1, slot));
	if (q->needs) {
		arg(m, "-blockdev");
		arg(m, numbered(m, q->needs, n));
	}
	arg(m, "-device");
	arg(m, chunks_print(mem, "%s,bus=port%u,addr=0", numbered(m, q->words, n), n));
	m->functions[m->nfunctions++] = (struct machine_function){
	    .bdf = {0, (u8)(n + 1), 0},
	    .path = d.path,
	    .vendor = d.vendor,
	    .device = d.device,
	    .subvendor = d.subvendor,
	    .subdevice = d.subdevice,
	    .class_code = q->class_code,
	    .resets = q->resets | RESET_BUS,
	    .group = n,
	};
	return d;
}

static void substitute_device(struct maker *m, u32 w, u32 i, struct plan_device *to, u32 *n)
{
	struct study *s = m->s;
	const struct want *want = &s->resolved.wants[w];
	const struct facts_function *f =
	    &s->facts->functions[s->resolved.workstations[w].functions[i]];
	const struct stand_in *q = m->o->no_devices ? NULL : stand_in_for(f->class_code);
	struct address_text at;
	const char *was =
	    chunks_print(&s->mem, "%s %s (%04x:%04x)", address_bdf_text(&at, f->bdf),
			 f->device_name ? f->device_name : "a device", f->vendor, f->device);

	if (!q || m->slot > SLOT_LAST || want->devices[i].sriov_vfs) {
		note(m, chunks_print(&s->mem, "%s of %s: left out%s", was, want->name,
				     m->o->no_devices ? "" : ", QEMU has nothing like it"));
		return;
	}
	note(m, chunks_print(&s->mem, "%s of %s: QEMU's %.*s (%04x:%04x)", was, want->name,
			     (int)strcspn(q->words, ","), q->words, q->vendor, q->device));
	to[(*n)++] = add_function(m, q, &want->devices[i]);
}

/* Words about connectors that QEMU's display does not have are read by nobody. */
static void note_heads(struct maker *m, u32 w)
{
	const struct head *heads = m->s->resolved.workstations[w].heads;
	const struct profile *p = &m->s->site->workstations[w];

	for (u32 i = 0; i < p->nheads; i++)
		if (heads[i].connector[0] && strncmp(heads[i].connector, "Virtual-", 8) != 0) {
			note(m,
			     chunks_print(&m->s->mem,
					  "what %s is told of %s: without effect, the connectors "
					  "of QEMU's displays are called Virtual-1 and so on",
					  p->name, heads[i].connector));
			return;
		}
}

/* ---- the machine ----------------------------------------------------------------------------- */

static u32 threads_of(const struct machine *m)
{
	u32 most = 1;

	for (u32 i = 0; i < m->ncpus; i++)
		if (m->cpus[i].thread + 1 > most)
			most = m->cpus[i].thread + 1;
	return most > 1 ? 2 : 1;
}

static u32 distinct_cores(const struct machine *m, const struct plan_workstation *ws)
{
	u32 n = 0;

	for (u32 i = 0; i < ws->ncpus; i++) {
		u32 a = machine_find_cpu(m, ws->cpus[i]);
		bool seen = false;

		for (u32 k = 0; k < i && !seen; k++) {
			u32 b = machine_find_cpu(m, ws->cpus[k]);

			seen = a != ~0u && b != ~0u && machine_same_core(&m->cpus[a], &m->cpus[b]);
		}
		n += !seen;
	}
	return n;
}

static void substitute_wants(struct maker *m)
{
	struct study *s = m->s;

	for (u32 w = 0; w < s->site->nworkstations; w++) {
		struct want *want = &s->resolved.wants[w];
		struct plan_device *to = chunks_take(&s->mem, want->ndevices + 1, sizeof(*to));
		u32 n = 0;

		if (want->ncpus)
			note(m,
			     chunks_print(&s->mem, "processors of %s: as many, with other APIC ids",
					  want->name));
		want->cores = distinct_cores(&s->machine, &s->plan.workstations[w]);
		want->ncpus = 0;
		want->node = PLANNER_ANY_NODE;
		if (m->o->memory_cap && want->memory > m->o->memory_cap) {
			note(m, chunks_print(&s->mem, "%llu MiB of memory of %s: %llu MiB",
					     (unsigned long long)want->memory >> 20, want->name,
					     (unsigned long long)m->o->memory_cap >> 20));
			want->memory = m->o->memory_cap;
		}
		for (u32 i = 0; i < want->ndevices; i++)
			substitute_device(m, w, i, to, &n);
		note_heads(m, w);
		want->devices = to;
		want->ndevices = n;
		m->out->cores += want->cores;
	}
}

static u64 memory_needed(const struct study *s)
{
	u64 bytes = MIB(512) + 2 * align_up(bundle_size(&s->bundle), MIB(1));

	for (u32 w = 0; w < s->site->nworkstations; w++)
		bytes += align_up(s->resolved.wants[w].memory, MIB(2)) + MIB(16);
	return align_up(bytes, MIB(256));
}

/* Whole GiB and what firmware keeps may leave gaps: more memory until the plan fits. */
static void place(struct maker *m)
{
	struct study *s = m->s;
	struct standin *t = m->out;
	u32 found = s->nfound, errors = s->r.errors;

	for (u32 tries = 0; tries < 6; tries++) {
		struct qemu_options o = {
		    .cpus = t->cores * t->threads,
		    .threads = t->threads,
		    .memory = t->memory,
		    .iommu = m->nfunctions != 0,
		    .functions = m->functions,
		    .nfunctions = m->nfunctions,
		};

		s->nfound = found;
		s->r.errors = errors;
		qemu_machine_free(&t->machine);
		if (!qemu_machine_make(&t->machine, &o))
			return;
		s->machine = t->machine.machine;
		study_place(s);
		if (s->planned)
			return;
		t->memory += GIB(1);
	}
}

void standin_make(struct study *s, const struct standin_options *o, struct standin *out)
{
	u32 devices = 0;
	struct maker m = {.s = s, .o = o, .out = out, .slot = SLOT_FIRST};

	*out = (struct standin){.cores = 1, .threads = threads_of(&s->machine)};
	for (u32 w = 0; w < s->site->nworkstations; w++)
		devices += s->resolved.wants[w].ndevices;
	m.room = devices + 3 * s->site->nworkstations + 4;
	out->notes = chunks_take(&s->mem, m.room, sizeof(*out->notes));
	m.functions = chunks_take(&s->mem, devices + 1, sizeof(*m.functions));
	if (s->facts)
		note(&m, chunks_print(&s->mem,
				      "the machine (%u processors, %s): QEMU's q35 with only the "
				      "cores and the memory that the plan needs",
				      s->machine.ncpus,
				      s->facts->processors.model ? s->facts->processors.model
								 : s->machine.vendor));
	if (s->facts || o->memory_cap) {
		substitute_wants(&m);
		out->memory = memory_needed(s);
		if (out->cores * out->threads > 255)
			note(&m, "more than 255 processors: QEMU may take long to start");
		place(&m);
	} else {
		out->cores = s->site->emulator.cores;
		out->threads = s->site->emulator.threads;
		out->memory = s->site->emulator.memory;
	}
	if (m.nfunctions) {
		/* The IOMMU model comes before the devices it is to see. */
		memmove(out->args + 2, out->args, out->nargs * sizeof(*out->args));
		out->args[0] = "-device";
		out->args[1] = "intel-iommu,intremap=on,eim=on";
		out->nargs += 2;
	}
}

void standin_free(struct standin *t)
{
	qemu_machine_free(&t->machine);
}
