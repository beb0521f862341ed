/*
 * What mapping and routing cost, for callgrind: run.py counts the instructions of the code under
 * core/ and iommu/ inside measured(), and leaves the register models' out.
 *
 *	build/bench/iommu VENDOR MEASURE
 *
 * prints the number of operations that the instructions are to be divided by, or, for the measures
 * called bytes_*, the result itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/remap.h"

static struct remap r;
static struct pool big;
static struct iommu_domain d;

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, err_text(err));
	exit(1);
}

struct job {
	void (*run)(const struct job *job);
	u64 ram, bar;	/* bytes mapped: memory at 0, a BAR behind it */
	u64 misaligned; /* added to host addresses, so that only small leaves fit */
	u16 index;
	struct iommu_device *dev;
};

#define RAM GIB(4)
#define BAR GIB(512)

static void map(const struct job *j)
{
	must(iommu_map(&d, IOVA(RAM), PADDR(GIB(1024) + j->misaligned), j->ram, PT_RW), "map");
	must(iommu_map(&d, IOVA(BAR), PADDR(GIB(2048) + j->misaligned), j->bar, PT_RW), "map");
}

static void unmap(const struct job *j)
{
	must(iommu_unmap(&d, IOVA(RAM), j->ram), "unmap");
	must(iommu_unmap(&d, IOVA(BAR), j->bar), "unmap");
}

#define ROUTES 1000u

static void route(const struct job *j)
{
	for (u32 i = 0; i < ROUTES; i++)
		must(iommu_irq_set(j->dev, j->index,
				   &(struct iommu_irq){.apic_id = remap_cpu(0, i & 1),
						       .vector = (u8)(32 + i % 200)}),
		     "irq_set");
}

/* callgrind collects between its beginning and its end. */
__attribute__((noinline)) void measured(const struct job *j);
void measured(const struct job *j)
{
	j->run(j);
}

int main(int argc, char **argv)
{
	struct remap_config config = {.kind = IOMMU_VTD, .name = "bench", .big_entries = true};
	struct job j = {.ram = GIB(64), .bar = GIB(16)};
	const char *what = argc == 3 ? argv[2] : "";
	bool small = strstr(what, "4k"), bytes = strstr(what, "bytes");
	u64 ops, before;

	if (argc != 3) {
		fprintf(stderr, "usage: iommu vtd|amdvi MEASURE\n");
		return 2;
	}
	if (!strcmp(argv[1], "amdvi"))
		config.kind = IOMMU_AMDVI;
	if (small) {
		j.misaligned = PAGE_SIZE;
		if (!bytes) { /* the same for each page; an eighth is enough */
			j.ram /= 8;
			j.bar /= 8;
		}
	}
	remap_start(&r, &config);
	fake_ram_add(PADDR(GIB(3)), MIB(256));
	pool_init(&big, PADDR(GIB(3)), MIB(256));
	must(iommu_domain_init(&d, &r.iommu, 9, &big, (u32[]){remap_cpu(0, 0), remap_cpu(0, 1)}, 2),
	     "domain");
	j.dev = remap_device(&r, REMAP_NIC);
	must(iommu_attach(&d, j.dev), "attach");
	must(iommu_irq_alloc(j.dev, 1, &j.index), "irq_alloc");
	before = big.in_use;
	ops = (j.ram + j.bar) / (small ? PAGE_SIZE : GIB(1));

	if (strstr(what, "irte")) {
		j.run = route;
		ops = ROUTES;
	} else if (!strncmp(what, "unmap", 5)) {
		map(&j);
		j.run = unmap;
	} else {
		j.run = map;
	}
	measured(&j);
	if (bytes)
		printf("%llu\n",
		       (unsigned long long)(big.in_use - before) * GIB(1) / (j.ram + j.bar));
	else
		printf("%llu\n", (unsigned long long)ops);
	return 0;
}
