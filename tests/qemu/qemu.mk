# Tests that drive the emulator. Each is a program that prints TAP; lab.py is what they share.

PACKAGES += qemu-system-x86
TESTS += tests/qemu/test_native.py
