# The hypervisor: pure objects and core/metal linked into one ELF, twice, the second time with the
# table of its own symbols for traces.

HV := $B/caprock.elf
ALL += $(HV)
HV_O := $(METAL_O) $(PURE_METAL_O)
LDFLAGS_HV := -nostdlib -static -no-pie -Wl,-z,noexecstack,-z,max-page-size=4096,--build-id=none,--gc-sections \
	-T core/metal/link.ld

$B/metal/core/metal/mem.o: METAL_CFLAGS += -fno-tree-loop-distribute-patterns

# The way of an exit spends no instruction on frames (a trace skips these functions) and has stack
# guards where there are buffers only.
HOT := svm/svm svm/exit vmx/vmx vmx/exit run
HOT_O := $(HOT:%=$B/metal/core/metal/%.o) $(addprefix $B/metal/core/vcpu/,exit.o exit_io.o exit_mmio.o exit_cr.o memory.o cpuid.o msr.o lapic.o \
	lapic_target.o ipi.o platform.o platform_io.o platform_mmio.o vpci.o vpci_plain.o uart.o insn_emulate.o)
$(HOT_O): METAL_CFLAGS += -fomit-frame-pointer -fno-stack-protector -fstack-protector

# The linker script keeps only what the entry reaches; profiles/ and the like fall away.
$B/hv.a: $(PURE_METAL_O)
	@rm -f $@
	$(Q)ar rcs $@ $^

$B/caprock.first: $(METAL_O) $B/hv.a core/metal/link.ld $B/symbols-empty.o
	$(Q)$(CC) $(LDFLAGS_HV) $(METAL_O) $B/symbols-empty.o -Wl,--start-group $B/hv.a -Wl,--end-group -o $@

$(HV): $B/caprock.first $B/symbols.o
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_HV) $(METAL_O) $B/symbols.o -Wl,--start-group $B/hv.a -Wl,--end-group -o $@

$B/symbols-empty.S: core/metal/symbols.awk
	@mkdir -p $(@D)
	$(Q)awk -f $< </dev/null >$@

$B/symbols.S: $B/caprock.first core/metal/symbols.awk
	$(Q)nm -n $< | awk -f core/metal/symbols.awk >$@

$B/symbols%o: $B/symbols%S
	$(Q)$(CC) -c $< -o $@
PACKAGES += acpica-tools

# The same ELF inside a UEFI application: a small boot program of its own compiler target.
EFI := $B/BOOTX64.EFI
EFI_SRC := $(sort $(wildcard core/metal/efi/*.[cS])) core/metal/mem.c core/metal/boot/memory_map.c \
	$(addprefix core/base/,cpio.c fmt.c slots.c str.c)
EFI_O := $(patsubst %,$B/efi/%.obj,$(EFI_SRC))
EFI_CC := $(CLANG) -target x86_64-unknown-windows
EFI_CFLAGS := $(STD) $(WARN) -O2 -ffreestanding -fshort-wchar -mno-red-zone -mno-mmx -mno-sse -mno-stack-arg-probe
PACKAGES += clang lld
ALL += $(EFI)

$B/efi/caprock.elf: $(HV)
	@mkdir -p $(@D)
	$(Q)objcopy --strip-all $< $@

$B/efi/core/metal/efi/handover.S.obj: $B/efi/caprock.elf

$B/efi/%.obj: %
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(EFI_CC) $(EFI_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(EFI): $(EFI_O)
	$(call say,LD)
	$(Q)lld-link -subsystem:efi_application -nodefaultlib -entry:efi_main -timestamp:0 $^ -out:$@
