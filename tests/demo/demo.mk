# The demonstration: the hypervisor in the emulator, two Debian workstations, a live table.

demo: deps ## the hypervisor with two Debian workstations in QEMU, and a live table
	@$(MAKE) --no-print-directory programs debian
	@tests/demo/demo.py
