BENCHES += bench-iommu

$B/bench/iommu: $B/host/tests/bench/iommu.o $(FAKE:%.c=$B/host/%.o) $B/libpure.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $^ -lcmocka -o $@

.PHONY: bench-iommu
bench-iommu: $B/bench/iommu ## instructions to map, unmap and route, and table memory, on both IOMMUs
	@tests/bench/iommu.py

TESTS_ALL += tests/bench/test_iommu.sh
test-all-built: $B/bench/iommu
