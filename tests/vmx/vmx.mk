# VMX in Bochs: the tiny guests of the SVM suite, unchanged, from a GRUB ISO.

# bochs-term: the least of the front ends of which the package wants one; the tests run without any.
PACKAGES += bochs bochs-term bochsbios vgabios grub-common grub-pc-bin xorriso mtools
VMX_TESTS := $(addprefix tests/vmx/test_,guests.py refusals.py entry.py steady.py)
VMX_SLOW := $(addprefix tests/vmx/test_,isolation.py life.py debian.py)
TESTS += $(VMX_TESTS)
TESTS_ALL += $(VMX_SLOW)
BENCHES += bench-vmx

.PHONY: test-vmx bench-vmx
test-vmx: deps programs ## the VMX backend in Bochs: tiny guests, refusals, steady state
	@tests/run $(VMX_TESTS)

bench-vmx: programs ## what an exit costs on VMX, by the guest's own clock in Bochs
	@tests/vmx/bench.py
