/*
 * A processor's state after power-on, INIT and start-up IPI, for vCPUs that are started and
 * stopped in software (APM vol. 2 table 14-1 and §15.27, SDM vol. 3 table 9-1).
 */
#pragma once

#include "core/base/types.h"
#include "core/vcpu/insn.h"

/* Attributes as both VMCB and VMCS derive them: type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11. */
struct reset_segment {
	u16 selector;
	u16 attrib;
	u32 limit;
	u64 base;
};

struct reset_state {
	u64 gpr[GPR_COUNT];
	u64 rip, rflags;
	u64 cr0, cr2, cr3, cr4, xcr0;
	u64 efer;
	u64 dr[4], dr6, dr7;
	u64 pat;
	struct reset_segment seg[SEG_COUNT];
	struct reset_segment gdtr, idtr, ldtr, tr;
};

/* Power-on. `signature` is CPUID 1.EAX, which EDX holds. */
void reset_power_on(struct reset_state *s, u32 signature);

/* INIT: as power-on, but CR0.CD, CR0.NW, PAT and XCR0 keep what they are in *s. */
void reset_init(struct reset_state *s, u32 signature);

/*
 * What lies at F000:FFF0, where a BIOS begins. Operating systems that find hardware-reduced ACPI but
 * no UEFI restart by jumping there in real mode (Linux's reboot=bios, which it then prefers to the
 * FADT's reset register): 16 bytes that write the reset port CF9h and halt.
 */
#define RESET_BIOS_ENTRY 16
extern const u8 reset_bios_entry[RESET_BIOS_ENTRY];

/* Start-up IPI to a vCPU in INIT state: real mode at vector << 12. */
void reset_sipi(struct reset_state *s, u8 vector);
