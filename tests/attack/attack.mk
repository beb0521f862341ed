# The attack on QEMU's IOMMUs: Caprock's IOMMU code on a bare machine of its own (tests/attack).

ATTACK_PURE := $(sort $(wildcard iommu/*.c iommu/*/*.c core/paging/*.c)) core/base/err.c core/base/pool.c
ATTACK_LIB := $(sort $(wildcard tests/guests/lib/*.c tests/guests/lib/*.S)) core/base/fmt.c
ATTACK_O := $(patsubst %.c,$B/guest/%.o,$(patsubst %.S,$B/guest/%.o,\
	$(sort $(wildcard tests/attack/*.c)) $(ATTACK_PURE) $(ATTACK_LIB)))

ALL += $B/guests/attack.elf
TESTS += tests/attack/test_attack.py

$B/guests/attack.elf: $(ATTACK_O) tests/guests/lib/guest.lds
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)ld -nostdlib -static -no-pie --build-id=none -z noexecstack --no-warn-rwx-segments -z max-page-size=4096 \
		-T tests/guests/lib/guest.lds $(ATTACK_O) -o $@

TESTS_ALL += tests/attack/test_attack_all.py

.PHONY: attack
attack: deps programs ## devices attack from behind both IOMMUs: the table of attempts
	@tests/attack/table.py
