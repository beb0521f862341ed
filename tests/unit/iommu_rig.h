/* What the tests of the IOMMU as a whole share: one machine of register models, and questions to it. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/remap.h"

static struct remap r;

/* A test body for each configuration. */
#define EACH(c) for (const struct remap_config *c = remap_configs; c->name; c++)

#define PAGE 0x1000ull

static inline void ok(int err)
{
	if (err)
		fail_msg("%s: %s", r.config.name, err_text(err));
}

static inline void map(u32 ws, u64 iova, u64 size, u32 attrs)
{
	ok(iommu_map(&r.domain[ws], IOVA(iova), PADDR(REMAP_MEMORY(ws) + iova), size, attrs));
}

static inline bool reaches(enum remap_function f, u64 iova, bool write, u64 expected)
{
	u64 at = 0;

	if (!remap_dma(&r, remap_bdf(&r, f), iova, write, &at))
		return false;
	if (at != expected)
		fail_msg("%s: %#llx reached %#llx instead of %#llx", r.config.name,
			 (unsigned long long)iova, (unsigned long long)at,
			 (unsigned long long)expected);
	return true;
}

/* Reads and writes of the device at iova reach ws's memory there. */
static inline bool owns(enum remap_function f, u32 ws, u64 iova)
{
	bool reads = reaches(f, iova, false, REMAP_MEMORY(ws) + iova);
	bool writes = reaches(f, iova, true, REMAP_MEMORY(ws) + iova);

	assert_int_equal(reads, writes);
	return reads;
}

static inline bool interrupts(enum remap_function f, const struct iommu_message *m, u32 add,
			      struct remap_irq *irq)
{
	return remap_msi(&r, remap_bdf(&r, f), m->msi_address, m->msi_data + add, irq);
}
