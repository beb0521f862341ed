# Tests that drive the emulator. Each is a program that prints TAP; lab.py is what they share.

PACKAGES += qemu-system-x86
TESTS += $(addprefix tests/qemu/test_,native.py boot.py iommu.py refusals.py guests.py steady.py life.py debian.py)
TESTS_ALL += tests/qemu/test_isolation.py tests/qemu/test_qemu7.py
