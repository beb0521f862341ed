#include "core/metal/apic.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/host.h"
#include "core/metal/idt.h"
#include "core/metal/layout.h"
#include "core/metal/log.h"
#include "core/metal/remap.h"
#include "core/metal/time.h"
#include "core/metal/workstation.h"

#define TICK_HZ	       4
#define TIMER_PERIODIC (1u << 17)

void host_wake(void)
{
	if (this_cpu() != &cpus[0])
		apic_ipi(cpus[0].apic_id, IPI_FIXED, VECTOR_WAKE);
}

static bool ticked;

/* Waking is nearly all an interrupt has to do: the loop looks at everything. */
void host_interrupt(u8 vector)
{
	if (vector == VECTOR_TIMER)
		ticked = true;
}

void host_loop(void)
{
	log_defer();
	apic_write(LAPIC_TIMER_DIVIDE, 0xb);
	apic_write(LAPIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
	apic_write(LAPIC_TIMER_INITIAL, (u32)min_u64(lapic_timer_hz() / TICK_HZ, ~0u));
	for (;;) {
		workstations_count();
		bool more = log_drain();

		more |= remap_poll();
		more |= workstations_poll(ticked);
		ticked = false;
		if (!more)
			irq_wait();
	}
}
