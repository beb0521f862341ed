#include "tests/fake/damage.h"

static struct plan_workstation *ws_of(struct plan *p, u32 w)
{
	return (struct plan_workstation *)&p->workstations[w < p->nworkstations ? w : 0];
}

static u32 *cpu_of(struct plan *p, u32 w)
{
	return (u32 *)ws_of(p, w)->cpus;
}

static struct plan_ram *ram_of(struct plan *p, u32 w)
{
	return (struct plan_ram *)ws_of(p, w)->ram;
}

static bool bad_overlap(struct plan *p)
{
	ram_of(p, 1)->hpa = ws_of(p, 0)->grant.base;
	if (p->nworkstations > 1)
		ram_of(p, 1)->hpa = ram_of(p, 0)->hpa;
	return true;
}

static bool bad_overlap_hv(struct plan *p)
{
	ws_of(p, 0)->grant.base = p->hv.base;
	return true;
}

static bool bad_overlap_bundle(struct plan *p)
{
	ws_of(p, 0)->grant.base = p->bundle.base;
	return true;
}

static bool bad_cpu_unknown(struct plan *p)
{
	cpu_of(p, 0)[0] = 0xfe;
	return true;
}

static bool bad_cpu_host(struct plan *p)
{
	cpu_of(p, 0)[0] = p->host_cpu;
	return true;
}

static bool bad_cpu_shared(struct plan *p)
{
	if (p->nworkstations > 1)
		cpu_of(p, 1)[0] = cpu_of(p, 0)[0];
	else if (ws_of(p, 0)->ncpus > 1)
		cpu_of(p, 0)[1] = cpu_of(p, 0)[0];
	else
		return false;
	return true;
}

/* For --threads 2 and workstations of two threads: the second one moves over. */
static bool bad_smt_split(struct plan *p)
{
	if (p->nworkstations < 2 || ws_of(p, 0)->ncpus < 2)
		return false;
	ws_of(p, 0)->ncpus = 1;
	cpu_of(p, 1)[0] = cpu_of(p, 0)[1];
	ws_of(p, 1)->ncpus = 1;
	return true;
}

static bool bad_no_cpu(struct plan *p)
{
	ws_of(p, 0)->ncpus = 0;
	return true;
}

static bool bad_host_core(struct plan *p)
{
	p->host_cpu = cpu_of(p, 0)[0];
	return true;
}

static bool bad_not_ram(struct plan *p)
{
	ram_of(p, 0)->hpa = PADDR(0xc0000000);
	return true;
}

static bool bad_beyond_ram(struct plan *p)
{
	ram_of(p, 0)->hpa = PADDR(0x8000000000ull);
	return true;
}

static bool bad_shape(struct plan *p)
{
	ws_of(p, 0)->grant.size += 8;
	return true;
}

static bool bad_grant(struct plan *p)
{
	ws_of(p, 0)->grant.size = PAGE_SIZE;
	return true;
}

static bool bad_layout(struct plan *p)
{
	ram_of(p, 0)->gpa = GPA(MIB(1));
	return true;
}

static bool bad_hv(struct plan *p)
{
	p->hv.size = MIB(1);
	return true;
}

static bool bad_bundle(struct plan *p)
{
	p->bundle.size = PAGE_SIZE;
	return true;
}

static bool bad_name(struct plan *p)
{
	ws_of(p, 0)->name = "Not A Name";
	return true;
}

static bool bad_same_name(struct plan *p)
{
	if (p->nworkstations < 2)
		return false;
	ws_of(p, 1)->name = ws_of(p, 0)->name;
	return true;
}

static struct plan_device absent = {
    .path = {.depth = 1, .devfn = {0x1d << 3 | 7}},
    .vendor = 0x1234,
    .device = 0x5678,
    .guest_devfn = 0xff,
};

static bool bad_device_unknown(struct plan *p)
{
	ws_of(p, 0)->devices = &absent;
	ws_of(p, 0)->ndevices = 1;
	return true;
}

static bool bad_device_identity(struct plan *p)
{
	if (!ws_of(p, 0)->ndevices)
		return false;
	((struct plan_device *)ws_of(p, 0)->devices)->device ^= 1;
	return true;
}

static bool bad_missing_kernel(struct plan *p)
{
	ws_of(p, 0)->kernel = "no-such-member";
	return true;
}

const struct damage damages[] = {
    {"overlap", bad_overlap, "memory-shared"},
    {"overlap-hv", bad_overlap_hv, "memory-shared"},
    {"overlap-bundle", bad_overlap_bundle, "memory-shared"},
    {"cpu-unknown", bad_cpu_unknown, "cpu-unknown"},
    {"cpu-host", bad_cpu_host, "cpu-host"},
    {"cpu-shared", bad_cpu_shared, "cpu-shared"},
    {"smt-split", bad_smt_split, "smt-split"},
    {"no-cpu", bad_no_cpu, "cpu-count"},
    {"host-core", bad_host_core, "host-core"},
    {"not-ram", bad_not_ram, "memory-not-ram"},
    {"beyond-ram", bad_beyond_ram, "memory-not-ram"},
    {"shape", bad_shape, "memory-shape"},
    {"grant", bad_grant, "grant-size"},
    {"layout", bad_layout, "guest-layout"},
    {"hv-range", bad_hv, "hypervisor-range"},
    {"bundle-range", bad_bundle, "bundle-range"},
    {"name", bad_name, "name"},
    {"same-name", bad_same_name, "name"},
    {"device-unknown", bad_device_unknown, "device-unknown"},
    {"device-identity", bad_device_identity, "device-identity"},
    {"missing-kernel", bad_missing_kernel, "no-such-member"},
};

const u32 ndamages = ARRAY_SIZE(damages);
