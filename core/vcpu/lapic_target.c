/* Who receives an IPI or a message: physical ids, xAPIC logical ids (flat, cluster), x2APIC logical ids. */
#include "core/vcpu/lapic.h"

#define DFR_FLAT 0xf

static enum lapic_mode mode_of(const struct lapic *a)
{
	return __atomic_load_n(&a->mode, __ATOMIC_RELAXED);
}

/* APM vol. 2 §16.6.1 and §16.11, SDM vol. 3 §10.6.2.2 and §10.12.10.2. */
static bool matches_logical(const struct lapic *a, const struct ipi *ipi)
{
	u32 ldr = __atomic_load_n(&a->ldr, __ATOMIC_RELAXED);

	if (mode_of(a) == LAPIC_X2APIC)
		return ipi->dest >> 16 == a->id >> 4 && ipi->dest >> (a->id & 0xf) & 1;
	if (ipi->x2apic)
		return false; /* its id is no xAPIC one */
	if (__atomic_load_n(&a->dfr, __ATOMIC_RELAXED) == DFR_FLAT)
		return ldr & ipi->dest;
	return (ipi->dest >> 4 == ldr >> 4 || ipi->dest >> 4 == 0xf) && ldr & ipi->dest & 0xf;
}

static bool receives(const struct lapic *from, const struct lapic *a, const struct ipi *ipi)
{
	if (mode_of(a) == LAPIC_DISABLED)
		return false;
	switch ((enum ipi_shorthand)ipi->shorthand) {
	case IPI_TO_SELF:
		return a == from;
	case IPI_TO_ALL:
		return true;
	case IPI_TO_OTHERS:
		return a != from;
	case IPI_TO_DEST:
		break;
	}
	if (ipi->dest == IPI_BROADCAST)
		return true;
	return ipi->logical ? matches_logical(a, ipi) : ipi->dest == a->id;
}

u32 lapic_next_target(const struct lapic *from, const struct ipi *ipi, u32 after)
{
	u32 next = after == IPI_END ? 0 : after + 1, end = from->ncpus;

	/* Where only some can match, look at no others. */
	if (ipi->shorthand == IPI_TO_DEST && ipi->dest != IPI_BROADCAST) {
		u32 first = 0, n = end;

		if (!ipi->logical) {
			first = ipi->dest;
			n = 1;
		} else if (ipi->x2apic) {
			first = ipi->dest >> 16 << 4;
			n = 16;
		}
		if (first >= end)
			return IPI_END;
		if (n < end - first)
			end = first + n;
		if (next < first)
			next = first;
	}
	for (; next < end; next++)
		if (receives(from, &from->all[next], ipi))
			return next;
	return IPI_END;
}

struct ipi lapic_message(const struct lapic *a, u8 vector, u32 destination, bool logical,
			 bool lowest)
{
	struct ipi ipi = {
	    .mode = lowest ? IPI_LOWEST : IPI_FIXED,
	    .vector = vector,
	    .logical = logical,
	    .x2apic = mode_of(a) == LAPIC_X2APIC,
	    .dest = destination,
	};

	if (!ipi.x2apic && ipi.dest == 0xff)
		ipi.dest = IPI_BROADCAST;
	return ipi;
}
