/*
 * One processor of the machine as the hypervisor uses it: its descriptor tables, stacks and what
 * it is doing. GS points at it whenever hypervisor code runs.
 */
#pragma once

#include "core/base/types.h"
#include "core/port.h"

struct vcpu;

/* What a core is asked to do; set by another core, which then kicks it (run.h). */
enum cpu_request {
	REQUEST_ENTER = 1, /* parked: run `vcpu` */
	REQUEST_LEAVE = 2, /* come out of the guest and park */
	REQUEST_LOOK = 4,  /* an NMI, INIT or SIPI waits for the vCPU */
	REQUEST_FLUSH = 8, /* second-level tables changed */
};

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;

enum { IST_NMI = 1, IST_DF = 2, IST_MC = 3 };

struct cpu {
	struct cpu *self; /* must stay first: read through GS */
	u32 index, apic_id;
	u32 package, core, thread;
	u32 node;
	u64 stack_top;
	u32 online;
	u32 request;	    /* enum cpu_request bits, atomic */
	struct vcpu *vcpu;  /* what it runs or is about to run; NULL: parked; atomic */
	paddr_t save_area;  /* vendor's host state page (SVM: VM_HSAVE_PA; VMX: VMXON region) */
	paddr_t host_state; /* SVM: VMSAVE area for the host's segment state */
	struct port_windows windows;
	u64 gdt[6];
	struct tss tss;
};

extern struct cpu *cpus; /* [ncpus], index 0 is the BSP */
extern u32 ncpus;

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/* Load GDT, TSS, IDT and GS of `c` on the calling core. */
void cpu_load(struct cpu *c);

/* Read its package, core and thread numbers from CPUID (0Bh or 8000001Eh) on the calling core. */
void cpu_read_topology(struct cpu *c);

/*
 * What a guest may have left in registers that no control structure holds: debug, CR2, x87, SSE and
 * all that XSAVE knows, XCR0. For both backends, when a vCPU leaves its core.
 */
void cpu_clear_guest_registers(void);

/* The cpu with physical APIC id `id`, NULL if there is none. */
struct cpu *cpu_by_apic_id(u32 id);
