/*
 * Device memory in a workstation's address space, while it runs: the one way in and out, for its
 * cores' second-level tables and, where its other devices may reach it, its IOMMU domain.
 */
#pragma once

#include "core/metal/build.h"

/*
 * Show [hpa, hpa + size) at gpa, whole pages. `type`: PT_UC, or PT_GUEST where the guest's PAT is to
 * choose; `peers`: the workstation's devices reach it too. All tables or none. From any of its
 * cores, or the host core while it is being built. ERR_NOMEM: the grant is used up. ERR_EXIST:
 * something else is there.
 */
__must_check int region_map(struct workstation *w, gpa_t gpa, paddr_t hpa, u64 size, u32 type,
			    bool peers);

/*
 * Take it away again. On OK no core and no device of the workstation reaches it; on error some may,
 * and it must not go to anybody else.
 */
__must_check int region_unmap(struct workstation *w, gpa_t gpa, u64 size, bool peers);
