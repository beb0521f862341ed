/* Exceptions and interrupts taken by hypervisor code. Guests' never come here. */
#pragma once

#include "core/base/types.h"

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* Fill the one IDT all cores share (call once), then load it on each core. */
void idt_init(void);
void idt_load(void);

/*
 * A table for apic_clean(): whatever interrupt a guest left pending, also one with the vector of an
 * exception, is acknowledged and forgotten. Only NMI keeps its handler.
 */
void idt_load_discard(void);

/*
 * An instruction that may fault, with a place to go on: rdmsr of a register that may not exist.
 * Returns false when it raised #GP.
 */
__must_check bool rdmsr_safe(u32 msr, u64 *v);
__must_check bool wrmsr_safe(u32 msr, u64 v);

/* Called with interrupts off for vectors >= 32 on the host core. */
void host_interrupt(u8 vector);
