/* The local APIC in both modes. */
#include "lib/guest.h"

#define XAPIC_BASE 0xfee00000ull

bool apic_x2;

u32 apic_read(u32 reg)
{
	return apic_x2 ? (u32)rdmsr(X2APIC_MSR(reg)) : mmio_read32(XAPIC_BASE + reg);
}

void apic_write(u32 reg, u32 v)
{
	if (apic_x2)
		wrmsr(X2APIC_MSR(reg), v);
	else
		mmio_write32(XAPIC_BASE + reg, v);
}

u64 apic_write_safe(u32 reg, u64 v)
{
	if (apic_x2)
		return wrmsr_safe(X2APIC_MSR(reg), v);
	mmio_write32(XAPIC_BASE + reg, (u32)v);
	return 0;
}

u64 apic_icr_safe(u32 dest, u32 low)
{
	if (apic_x2)
		return wrmsr_safe(X2APIC_MSR(APIC_ICR), (u64)dest << 32 | low);
	mmio_write32(XAPIC_BASE + APIC_ICR2, dest << 24);
	mmio_write32(XAPIC_BASE + APIC_ICR, low);
	for (u32 i = 0; i < 1000000 && (mmio_read32(XAPIC_BASE + APIC_ICR) & 0x1000); i++)
		cpu_relax();
	return 0;
}

void apic_icr(u32 dest, u32 low)
{
	u64 flags = irq_save(); /* xAPIC needs two writes that no interrupt may part */
	u64 t = apic_icr_safe(dest, low);

	irq_restore(flags);
	if (t)
		fatal("ICR %#x to %#x raised exception %u", low, dest, TRAPPED_VECTOR(t));
}

void apic_enable(bool x2)
{
	u64 base = rdmsr(APIC_BASE_MSR);

	if (!x2 && (base & 0x400)) { /* back from x2APIC goes through disabled (SDM 10.12.5) */
		wrmsr(APIC_BASE_MSR, base & ~0xc00ull);
		base &= ~0xc00ull;
	}
	if (!(base & 0x400))
		wrmsr(APIC_BASE_MSR, base | 0x800);
	if (x2)
		wrmsr(APIC_BASE_MSR, base | 0xc00);
	apic_x2 = x2;
	if (!x2) {
		apic_write(APIC_DFR, 0xffffffff);
		apic_write(APIC_LDR, 1u << (24 + (this_cpu()->index & 7)));
	}
	apic_write(APIC_LVTT, LVT_MASKED);
	apic_write(APIC_LVT0, LVT_MASKED);
	apic_write(APIC_LVT1, LVT_MASKED);
	apic_write(APIC_LVTERR, LVT_MASKED);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, 0x100 | SPURIOUS);
}

void apic_timer(u32 lvt, u32 count)
{
	/* Off first: a periodic timer with the last one's short count would stop the emulator for good. */
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_TDCR, 0xb); /* divide by 1 */
	apic_write(APIC_LVTT, lvt);
	apic_write(APIC_TMICT, count);
}

bool apic_bit(u32 bank, u32 vector)
{
	return apic_read(bank + (vector >> 5) * 16) >> (vector & 31) & 1;
}
