/* A workstation as it lies in its grant, and building it there. Host core only. */
#pragma once

#include "core/metal/bundle.h"
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
	u32 threads_per_core;
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
