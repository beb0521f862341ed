/* What the runtime's own files call of each other. */
#pragma once

#include "lib/guest.h"

/* Page of low memory from which other cores start. */
#define TRAMPOLINE 0x8000ull

void machine_read(void);
void clock_init(void);
void trap_init(void);
/* GDT, TSS, IDT and %gs of a core. */
void cpu_load_tables(struct cpu *c);

/* Called by entry.S. */
void guest_start(void);
__noreturn void ap_start(void);
void trap_dispatch(struct frame *f);
