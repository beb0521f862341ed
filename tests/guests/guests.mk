# The tiny guests: PVH ELF64 kernels of our own. Each tests/guests/NAME.c is one guest; all of them
# stand on tests/guests/lib. They run below the hypervisor and, for a baseline, on bare QEMU.

GUEST_SRC := $(sort $(wildcard tests/guests/*.c))
GUEST_LIB := $(sort $(wildcard tests/guests/lib/*.c tests/guests/lib/*.S)) core/base/fmt.c
GUEST_ELF := $(GUEST_SRC:tests/guests/%.c=$B/guests/%.elf)
GUEST_LIB_O := $(patsubst %.c,$B/guest/%.o,$(patsubst %.S,$B/guest/%.o,$(GUEST_LIB)))
# -fcf-protection=none: no ENDBR in front of what is counted in instructions.
GUEST_CFLAGS := $(STD) $(WARN) -Itests/guests -O2 -g -ffreestanding -nostdinc -isystem $(GCC_INCLUDE) \
	-mgeneral-regs-only -mno-red-zone -mcmodel=small -fno-pic -fno-pie -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer -fno-stack-protector -fcf-protection=none -fno-tree-loop-distribute-patterns

ALL += $(GUEST_ELF)

$B/guest/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) $(DEPFLAGS) -c $< -o $@

$B/guest/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_CFLAGS) $(DEPFLAGS) -D__ASSEMBLY__ -c $< -o $@

$(GUEST_ELF): $B/guests/%.elf: $B/guest/tests/guests/%.o $(GUEST_LIB_O) tests/guests/lib/guest.lds
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)ld -nostdlib -static -no-pie --build-id=none -z noexecstack --no-warn-rwx-segments -z max-page-size=4096 \
		-T tests/guests/lib/guest.lds $< $(GUEST_LIB_O) -o $@

# ---- Debian: the kernel of the release, an initrd with one program of ours -----------------------

DEBIAN := $B/cache/debian
DEBIAN_VMLINUZ := $(DEBIAN)/vmlinuz
DEBIAN_INITRD := $B/debian/initrd

$(DEBIAN_VMLINUZ): tests/guests/debian/fetch
	$(call say,FETCH)
	$(Q)$< $(DEBIAN)

$B/debian/init: tests/guests/debian/init.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O2 -static -s $< -o $@

$(DEBIAN_INITRD): tests/guests/debian/mkinitrd.py $B/debian/init
	$(call say,GEN)
	$(Q)$< $@ $B/debian/init

# The same with devices of its own: their drivers, lspci, and another program.
PACKAGES += pciutils
DEBIAN_MODULES := crct10dif_common crct10dif_generic crc64_rocksoft_generic nvme e1000e igb igbvf virtio_pci virtio_gpu bochs \
	xhci_pci usb_storage sd_mod
DEBIAN_DEVICES := $B/debian/initrd-devices

$B/debian/devices: $(addprefix tests/guests/debian/,devices.c jobs.h data.c wait.c disk.c net.c irqs.c drivers.c drivers.h heads.c heads.h kms.c kms.h)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu17 -I. -D_GNU_SOURCE $(WARN) -O2 -static -s $(filter %.c,$^) -o $@

$B/debian/modules/order: tests/guests/debian/modules.py tests/guests/guests.mk $(DEBIAN_VMLINUZ)
	$(call say,GEN)
	$(Q)$< $(DEBIAN)/linux-image-*.deb $(@D) $(DEBIAN_MODULES)

$(DEBIAN_DEVICES): tests/guests/debian/mkinitrd.py $B/debian/devices $B/debian/modules/order
	$(call say,GEN)
	$(Q)$< $@ $B/debian/devices $(foreach m,order $(addsuffix .ko,$(shell cat $B/debian/modules/order 2>/dev/null)),modules/$m=$B/debian/modules/$m) \
		bin/lspci=+lspci

.PHONY: debian
debian: $(DEBIAN_VMLINUZ) $(DEBIAN_INITRD) $(DEBIAN_DEVICES) ## the kernel and initrd of the Debian guests
test-built test-all-built: debian
