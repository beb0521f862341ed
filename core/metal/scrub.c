#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/memory.h"
#include "core/metal/scrub.h"
#include "core/port.h"

#define SLICE MIB(32)

/*
 * Gigabytes of zeroes should not push everybody's working set out of the shared cache. The host
 * core never holds a guest's vector state, so XMM0 is free. n is a multiple of 2 MiB.
 */
static void zero_past_caches(void *at, u64 n)
{
	asm volatile("xorps %%xmm0, %%xmm0\n"
		     "1: movntps %%xmm0, (%0); movntps %%xmm0, 16(%0)\n\t"
		     "movntps %%xmm0, 32(%0); movntps %%xmm0, 48(%0)\n\t"
		     "movntps %%xmm0, 64(%0); movntps %%xmm0, 80(%0)\n\t"
		     "movntps %%xmm0, 96(%0); movntps %%xmm0, 112(%0)\n\t"
		     "addq $128, %0; subq $128, %1; jnz 1b\n\t"
		     "sfence"
		     : "+r"(at), "+r"(n)
		     :
		     : "memory");
}

bool scrub_slice(struct scrub *s, const struct plan_workstation *plan,
		 struct workstation_costs *costs)
{
	u64 start = rdtsc(), left = SLICE;

	while (left && s->piece < plan->nram) {
		const struct plan_ram *r = &plan->ram[s->piece];
		u64 n = min_u64(left, r->size - s->offset);
		paddr_t at = PADDR(r->hpa.v + s->offset);

		n = min_u64(n, PORT_GUEST_SPAN - (at.v & (PORT_GUEST_SPAN - 1)));
		zero_past_caches(port_guest(at), n);
		costs->scrub_bytes += n;
		s->offset += n;
		left -= n;
		if (s->offset == r->size) {
			s->offset = 0;
			s->piece++;
		}
	}
	window_drop();
	costs->scrub_ticks += rdtsc() - start;
	if (s->piece < plan->nram)
		return false;
	s->piece = 0;
	return true;
}
