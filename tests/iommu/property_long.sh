#!/bin/sh
# A million steps of the property test on each vendor's model.
IOMMU_STEPS=1000000 exec build/unit/test_iommu_property
