/* The machine as found at boot: firmware's tables first, then struct machine for the proof. */
#pragma once

#include "core/metal/boot/boot_info.h"
#include "core/partition/machine.h"

/* Copies of the tables the hypervisor reads, in heap pages; size 0: the machine has none. */
struct firmware_table {
	paddr_t pa;
	u32 size;
};

struct firmware {
	struct firmware_table madt, mcfg, fadt, srat, dmar, ivrs;
	u32 ncpus; /* enabled in the MADT */
};

/* Runs on the early identity map: copies tables to the heap. Refuses the boot when it must. */
void firmware_read(const struct boot_info *b, struct firmware *f);

/* Port of the ACPI PM timer, 0: none. */
u16 firmware_pm_timer(const struct firmware *f);

/* Fill cpus[] with the APIC ids, the BSP first. */
void firmware_list_cores(const struct firmware *f, u32 bsp_apic_id);

/* Map the configuration windows of the MCFG. */
void firmware_map_ecam(const struct firmware *f);

/* Everything the proof wants to know, in heap pages. After the cores are up. */
__must_check int machine_find(const struct boot_info *b, const struct firmware *f,
			      struct machine *out);
