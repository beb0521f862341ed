/*
 * mkbundle: make a boot bundle for QEMU's q35 from command-line arguments, without YAML, good or
 * deliberately bad. It uses the product's planner, proof and encoder; only the damage is its own.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/abi.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/partition/blob.h"
#include "core/partition/prove.h"
#include "core/port.h"
#include "profiles/host/bundle.h"
#include "profiles/host/qemu/machine.h"
#include "profiles/planner.h"
#include "tests/fake/damage.h"

#define WS_MAX	     64
#define CPUS_MAX     256
#define DEVICES_MAX  32
#define EXIT_USAGE   2
#define EXIT_REFUSED 3

struct args {
	const char *out;
	u32 cpus, threads, nws, nbad;
	u64 memory, firmware;
	u8 log_level;
	bool iommu, quiet;
	const char *bad[16];
	struct want ws[WS_MAX];
	u32 cpu_lists[WS_MAX][CPUS_MAX];
	struct plan_device devices[WS_MAX][DEVICES_MAX];
	struct machine_function functions[WS_MAX * DEVICES_MAX];
	u32 nfunctions;
	struct bundle bundle;
};

static void usage(FILE *f)
{
	fputs(
	    "usage: mkbundle -o OUT [OPTION...] --ws KEY=VALUE[,KEY=VALUE...] [--ws ...]\n"
	    "  --smp N --threads N   processors of the machine, threads a core (4, 1)\n"
	    "  --memory SIZE         RAM of the machine as given to -m (4G)\n"
	    "  --firmware SIZE       kept free at the top of low RAM (128M)\n"
	    "  --no-iommu            plan as if the machine had none\n"
	    "  --log LEVEL           0 errors .. 3 debug (2)\n"
	    "  --bad HOW             break the plan, its blob or the bundle; may be repeated\n"
	    "  --bad list            the ways there are, with what the hypervisor should say\n"
	    "keys of --ws: name=NAME cpus=1+2 (APIC ids) or cores=N, mem=SIZE, kernel=FILE,\n"
	    "  initrd=FILE, boot=pvh|bzimage, serial=TEXT, service, off (no autostart),\n"
	    "  device=PATH@VVVV:DDDD[:SSSS:ssss][@GUEST|@vfsN|@p2p], PATH as 1c.0/00.0, repeatable,\n"
	    "  and, last of all, cmdline=TEXT to the end of the argument\n"
	    "exit status: 0 written; 2 usage; 3 the plan is refused (written only with --bad)\n",
	    f);
}

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("mkbundle: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(EXIT_USAGE);
}

static u64 number(const char *s, int base)
{
	char *end;
	u64 v = strtoull(s, &end, base);

	if (end == s || *end)
		die("'%s' is no number", s);
	return v;
}

static u64 size_of(const char *s)
{
	char *end;
	u64 v = strtoull(s, &end, 0);

	switch (*end) {
	case 'G':
		v <<= 10;
		/* fallthrough */
	case 'M':
		v <<= 10;
		/* fallthrough */
	case 'K':
		v <<= 10;
		end++;
	}
	if (end == s || *end)
		die("'%s' is no size", s);
	return v;
}

static void parse_cpus(struct args *a, u32 w, char *list)
{
	struct want *want = &a->ws[w];
	char *save, *item;

	want->cpus = a->cpu_lists[w];
	for (item = strtok_r(list, "+", &save); item; item = strtok_r(NULL, "+", &save)) {
		if (want->ncpus == CPUS_MAX)
			die("too many processors");
		a->cpu_lists[w][want->ncpus++] = (u32)number(item, 0);
	}
}

static u8 parse_devfn(const char *s)
{
	unsigned dev, fn;

	if (sscanf(s, "%x.%x", &dev, &fn) != 2 || dev > 31 || fn > 7)
		die("'%s' is no device and function, as 1c.0", s);
	return (u8)(dev << 3 | fn);
}

/*
 * PATH@IDS[@GUEST], or @vfsN: N virtual functions of it, or @p2p: peer-to-peer; the machine model
 * gets a function to match, alone in its group, with FLR.
 */
static void parse_device(struct args *a, u32 w, char *spec)
{
	struct want *want = &a->ws[w];
	struct plan_device *d = &a->devices[w][want->ndevices];
	char *path, *ids, *guest, *hop, *save;
	unsigned id[4] = {0};

	path = strtok_r(spec, "@", &save);
	ids = strtok_r(NULL, "@", &save);
	guest = strtok_r(NULL, "@", &save);
	if (!path || !ids || want->ndevices == DEVICES_MAX)
		die("a device needs PATH@VVVV:DDDD");
	*d = (struct plan_device){.guest_devfn = 0xff};
	if (sscanf(ids, "%x:%x:%x:%x", &id[0], &id[1], &id[2], &id[3]) < 2)
		die("'%s' are no ids", ids);
	if (guest && sscanf(guest, "vfs%hu", &d->num_vfs) == 1)
		d->sriov_vfs = true;
	else if (guest && !strcmp(guest, "p2p"))
		d->p2p = true;
	else if (guest)
		d->guest_devfn = parse_devfn(guest);
	for (hop = strtok_r(path, "/", &save); hop; hop = strtok_r(NULL, "/", &save)) {
		if (d->path.depth == PCI_PATH_MAX)
			die("a path of too many hops");
		d->path.devfn[d->path.depth++] = parse_devfn(hop);
	}
	d->vendor = (u16)id[0];
	d->device = (u16)id[1];
	d->subvendor = (u16)id[2];
	d->subdevice = (u16)id[3];
	want->devices = a->devices[w];
	want->ndevices++;
	a->functions[a->nfunctions] = (struct machine_function){
	    .bdf = {0, d->path.depth > 1, d->path.devfn[d->path.depth - 1]},
	    .path = d->path,
	    .vendor = d->vendor,
	    .device = d->device,
	    .subvendor = d->subvendor,
	    .subdevice = d->subdevice,
	    .resets = RESET_FLR,
	    .vfs = d->num_vfs,
	    .group = a->nfunctions,
	};
	a->nfunctions++;
}

static const char *add_file(struct args *a, const char *path)
{
	const char *name = bundle_add_file(&a->bundle, path);

	if (!name)
		die("%s: %s", path, strerror(errno));
	return name;
}

static void parse_ws_key(struct args *a, u32 w, char *key)
{
	struct want *want = &a->ws[w];
	char *value = strchr(key, '=');

	if (value)
		*value++ = '\0';
	if (!strcmp(key, "service"))
		want->rights |= RIGHT_SERVICE;
	else if (!strcmp(key, "off"))
		want->autostart = false;
	else if (!value)
		die("'%s' needs a value", key);
	else if (!strcmp(key, "name"))
		want->name = value;
	else if (!strcmp(key, "cpus"))
		parse_cpus(a, w, value);
	else if (!strcmp(key, "cores"))
		want->cores = (u32)number(value, 0);
	else if (!strcmp(key, "mem"))
		want->memory = size_of(value);
	else if (!strcmp(key, "kernel"))
		want->kernel = add_file(a, value);
	else if (!strcmp(key, "initrd"))
		want->initrd = add_file(a, value);
	else if (!strcmp(key, "serial"))
		want->serial = value;
	else if (!strcmp(key, "device"))
		parse_device(a, w, value);
	else if (!strcmp(key, "boot"))
		want->boot = !strcmp(value, "pvh")	 ? BOOT_PVH
			     : !strcmp(value, "bzimage") ? BOOT_BZIMAGE
							 : BOOT_AUTO;
	else
		die("there is no key '%s'", key);
}

static void parse_ws(struct args *a, char *spec)
{
	u32 w = a->nws;
	struct want *want = &a->ws[w];
	char *cmdline = strstr(spec, "cmdline="), *key, *save;

	if (w == WS_MAX)
		die("too many workstations");
	*want = (struct want){
	    .serial = "",
	    .cmdline = "",
	    .node = PLANNER_ANY_NODE,
	    .memory = MIB(64),
	    .autostart = true,
	    .uuid = {0xca, 0x90, 0x0c, 0x4c, 0, 0, 0x40, 0, 0x80, [15] = (u8)(w + 1)},
	};
	if (cmdline) {
		want->cmdline = cmdline + strlen("cmdline=");
		*cmdline = '\0';
	}
	for (key = strtok_r(spec, ",", &save); key; key = strtok_r(NULL, ",", &save))
		parse_ws_key(a, w, key);
	if (!want->name || !want->kernel)
		die("a workstation needs name= and kernel=");
	if (!want->ncpus && !want->cores)
		want->cores = 1;
	a->nws++;
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Of the blob; `n` bytes, returns how many remain. */
static u64 blob_truncated(u8 *b, u64 n)
{
	return n / 2;
}

static u64 blob_flipped(u8 *b, u64 n)
{
	b[n / 2] ^= 0x10;
	return n;
}

static u64 blob_magic(u8 *b, u64 n)
{
	b[0] ^= 0xff;
	return n;
}

static void seal(u8 *b, u64 n)
{
	u32 crc;

	memset(b + 24, 0, sizeof(crc));
	crc = crc32c(0, b, n);
	memcpy(b + 24, &crc, sizeof(crc));
}

static u64 blob_major(u8 *b, u64 n)
{
	b[8]++;
	seal(b, n);
	return n;
}

/* Not damage: must be accepted. */
static u64 blob_minor(u8 *b, u64 n)
{
	b[10]++;
	seal(b, n);
	return n;
}

static u64 blob_empty(u8 *b, u64 n)
{
	return 0;
}

static u64 blob_unknown_tag(u8 *b, u64 n)
{
	b[32] = 0x77;
	seal(b, n);
	return n;
}

static const struct {
	const char *name;
	u64 (*blob)(u8 *, u64);
	const char *says; /* what the message is about */
} ways[] = {
    {"blob-truncated", blob_truncated, "cut short"},
    {"blob-flipped", blob_flipped, "checksum is wrong"},
    {"blob-magic", blob_magic, "not a Caprock plan"},
    {"blob-major", blob_major, "build the medium again"},
    {"blob-minor", blob_minor, "(accepted)"},
    {"blob-empty", blob_empty, "cut short"},
    {"blob-unknown-tag", blob_unknown_tag, "does not know"},
    {"no-plan", NULL, "no member plan"},
    {"bundle-truncated", NULL, "archive ends early"},
};

static bool wants(const struct args *a, const char *name)
{
	for (u32 i = 0; i < a->nbad; i++)
		if (!strcmp(a->bad[i], name))
			return true;
	return false;
}

static void check_bad(const struct args *a)
{
	for (u32 i = 0; i < a->nbad; i++) {
		bool known = false;

		for (u32 k = 0; k < ndamages; k++)
			known |= !strcmp(damages[k].name, a->bad[i]);
		for (u32 k = 0; k < ARRAY_SIZE(ways); k++)
			known |= !strcmp(ways[k].name, a->bad[i]);
		if (!known)
			die("there is no --bad %s; --bad list shows them", a->bad[i]);
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void print_refusal(void *ctx, const struct refusal *r)
{
	const struct args *a = ctx;

	if (!a->quiet)
		fprintf(stderr, "mkbundle: %s: %s. %s.\n", rule_name(r->rule), r->text, r->remedy);
}

static void print_plan(const struct plan *p)
{
	printf(
	    "hypervisor    %#12lx %8lu KiB\nbundle        %#12lx %8lu KiB\nhost core     processor "
	    "%u\n",
	    p->hv.base.v, p->hv.size >> 10, p->bundle.base.v, p->bundle.size >> 10, p->host_cpu);
	for (u32 w = 0; w < p->nworkstations; w++) {
		const struct plan_workstation *ws = &p->workstations[w];

		printf("%s\n  processors ", ws->name);
		for (u32 i = 0; i < ws->ncpus; i++)
			printf(" %u", ws->cpus[i]);
		printf("\n  grant       %#12lx %8lu KiB\n", ws->grant.base.v, ws->grant.size >> 10);
		for (u32 i = 0; i < ws->nram; i++)
			printf("  ram         %#12lx %8lu MiB at guest %#lx\n", ws->ram[i].hpa.v,
			       ws->ram[i].size >> 20, ws->ram[i].gpa.v);
		for (u32 i = 0; i < ws->ndevices; i++)
			printf("  device      %04x:%04x\n", ws->devices[i].vendor,
			       ws->devices[i].device);
		printf("  kernel      %s%s%s\n", ws->kernel, ws->initrd ? ", initrd " : "",
		       ws->initrd ? ws->initrd : "");
	}
}

static int write_bundle(struct args *a, const struct plan *p)
{
	u64 n = blob_size(p), size;
	u8 *blob = malloc(n);
	FILE *f;

	if (!blob || blob_encode(p, blob, n))
		die("the plan cannot be encoded");
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++)
		if (ways[i].blob && wants(a, ways[i].name))
			n = ways[i].blob(blob, n);
	if (!wants(a, "no-plan") && !bundle_add_data(&a->bundle, BUNDLE_PLAN_NAME, blob, n))
		die("a kernel or initrd is named '%s'", BUNDLE_PLAN_NAME);
	f = fopen(a->out, "wb");
	if (!f || bundle_write(&a->bundle, f))
		die("%s: %s", a->out, strerror(errno));
	size = bundle_size(&a->bundle);
	if (wants(a, "bundle-truncated") && ftruncate(fileno(f), (off_t)(size / 2)))
		die("%s: %s", a->out, strerror(errno));
	if (fclose(f))
		die("%s: %s", a->out, strerror(errno));
	free(blob);
	return 0;
}

static int make(struct args *a)
{
	struct qemu_options q = {
	    .cpus = a->cpus,
	    .threads = a->threads,
	    .memory = a->memory,
	    .firmware = a->firmware,
	    .iommu = a->iommu,
	    .functions = a->functions,
	    .nfunctions = a->nfunctions,
	};
	struct planner_options o = {.log_level = a->log_level};
	struct qemu_machine machine;
	struct shortage why;
	struct arena arena;
	struct plan plan;
	int err;

	if (!qemu_machine_make(&machine, &q))
		die("no such machine: %u processors, %u threads a core, %lu MiB", a->cpus,
		    a->threads, a->memory >> 20);
	arena = arena_of(malloc(MIB(4)), MIB(4));
	/* The blob is small beside its files; leave room for it. */
	o.bundle_size = bundle_size(&a->bundle) + MIB(1);
	err = planner_make(&machine.machine, a->ws, a->nws, &o, &arena, &plan, &why);
	if (err == ERR_NOENT) {
		fprintf(stderr, "mkbundle: %s: %s. %s.\n", why.rule, why.text, why.remedy);
		return EXIT_REFUSED;
	}
	if (err)
		die("no plan: %s", err_text(err));
	for (u32 i = 0; i < ndamages; i++)
		if (wants(a, damages[i].name) && !damages[i].plan(&plan))
			die("%s needs more workstations, threads or devices", damages[i].name);
	machine.machine.boot.bundle_size = bundle_size(&a->bundle) + blob_size(&plan) + 256;
	err = prove(&machine.machine, NULL, &plan, print_refusal, a);
	if (!a->quiet)
		print_plan(&plan);
	if (!err || a->nbad)
		write_bundle(a, &plan);
	qemu_machine_free(&machine);
	free(arena.base);
	return err ? EXIT_REFUSED : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"smp", required_argument, NULL, 's'},
	    {"threads", required_argument, NULL, 't'},
	    {"memory", required_argument, NULL, 'm'},
	    {"firmware", required_argument, NULL, 'f'},
	    {"no-iommu", no_argument, NULL, 'i'},
	    {"log", required_argument, NULL, 'l'},
	    {"bad", required_argument, NULL, 'b'},
	    {"ws", required_argument, NULL, 'w'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	static struct args a = {
	    .cpus = 4, .threads = 1, .memory = GIB(4), .log_level = LOG_INFO, .iommu = true};
	int c, status;

	while ((c = getopt_long(argc, argv, "o:qh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			a.out = optarg;
			break;
		case 's':
			a.cpus = (u32)number(optarg, 0);
			break;
		case 't':
			a.threads = (u32)number(optarg, 0);
			break;
		case 'm':
			a.memory = size_of(optarg);
			break;
		case 'f':
			a.firmware = size_of(optarg);
			break;
		case 'i':
			a.iommu = false;
			break;
		case 'l':
			a.log_level = (u8)number(optarg, 0);
			break;
		case 'w':
			parse_ws(&a, optarg);
			break;
		case 'q':
			a.quiet = true;
			break;
		case 'b':
			if (!strcmp(optarg, "list")) {
				for (u32 i = 0; i < ndamages; i++)
					printf("%-18s %s\n", damages[i].name, damages[i].says);
				for (u32 i = 0; i < ARRAY_SIZE(ways); i++)
					printf("%-18s %s\n", ways[i].name, ways[i].says);
				return 0;
			}
			if (a.nbad == ARRAY_SIZE(a.bad))
				die("too much damage");
			a.bad[a.nbad++] = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (!a.out || optind != argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	check_bad(&a);
	status = make(&a);
	bundle_free(&a.bundle);
	return status;
}
