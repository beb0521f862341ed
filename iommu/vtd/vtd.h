/* Intel VT-d (Directed I/O architecture specification 4.1) behind struct iommu_ops. */
#pragma once

#include "iommu/iommu.h"

extern const struct iommu_ops vtd_ops;
