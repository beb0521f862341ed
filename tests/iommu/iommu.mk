TESTS_ALL += tests/iommu/property_long.sh
