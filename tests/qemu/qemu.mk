# Tests that drive the emulator. Each is a program that prints TAP; lab.py is what they share.

PACKAGES += qemu-system-x86
TESTS += $(addprefix tests/qemu/test_,native.py boot.py iommu.py refusals.py guests.py steady.py life.py debian.py passthrough.py assigned.py sriov.py isolation.py warp.py)
TESTS_ALL += $(addprefix tests/qemu/test_,qemu7.py passthrough_all.py assigned_all.py)

.PHONY: test-passthrough
test-passthrough: deps programs debian ## devices of guests' own, the long way: TAP, then the figures pt.*
	@tests/qemu/test_passthrough_all.py; a=$$?; tests/qemu/test_assigned_all.py && exit $$a
