# mkbundle: a boot bundle for QEMU from command-line arguments, bad ones included.
ALL += $B/tests/mkbundle
PACKAGES += cpio
TESTS += tests/qemu/test_mkbundle.py

$B/tests/mkbundle: $(addprefix $B/host/,tests/qemu/mkbundle.o tests/fake/damage.o profiles/host/bundle.o profiles/host/qemu/machine.o) $B/libpure.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $^ -o $@
