/* Building one workstation in its grant, and loading its kernel. Host core only. */
#pragma once

#include "core/metal/console.h"
#include "core/metal/workstation.h"
#include "core/partition/layout.h"
#include "iommu/domain.h"

/* Lies at the start of its grant; nothing of a workstation lies elsewhere. */
struct workstation {
	struct guest guest;
	const struct plan_workstation *plan;
	struct pool grant;
	struct layout layout;
	struct console console;
	const struct bundle *bundle;
	u64 start_tsc;
	struct spinlock map_lock; /* second-level tables while it runs */
	/* What its devices reach; NULL: it has none. */
	struct iommu_domain *domain;
	struct devices *devices;
};

/*
 * Make everything from an empty grant: second-level tables, vCPUs, CPUID, the platform. Nothing of
 * an earlier life is kept. On an error the grant is in no defined state, and nothing else changed.
 */
__must_check int workstation_build(const struct plan_workstation *plan, u32 index,
				   const struct guest_ops *ops, const struct bundle *bundle,
				   struct workstation **out);

/* A file of the boot bundle, in place; NULL, and a line in the log: it has none of that name. */
const u8 *workstation_file(struct workstation *w, const char *name, u64 *size);

/* Load kernel and tables into its (scrubbed) memory and set its processors to their start. */
__must_check int workstation_load(struct workstation *w, struct workstation_costs *costs,
				  struct load_error *why);
