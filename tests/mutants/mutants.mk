.PHONY: mutants
mutants: deps ## break the IOMMU's code in every small way: does a test notice each time?
	@tests/mutants/run.py
