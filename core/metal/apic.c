#include "core/base/err.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/idt.h"
#include "core/metal/apic.h"
#include "core/metal/layout.h"
#include "core/port.h"

#define MSR_APIC_BASE  0x1b
#define APIC_BASE_EXTD (1u << 10)
#define APIC_BASE_EN   (1u << 11)
#define MSR_X2APIC     0x800
#define ICR_PENDING    (1u << 12)
#define ICR_ASSERT     (1u << 14)

static bool x2apic;
static struct mmio page;

/*
 * The pair of 8259s as a BIOS left it delivers the timer tick at the vector of #DF. Where there is
 * none, nobody answers at these ports.
 */
static void mask_pics(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

int apic_init(void)
{
	u32 r[4];

	mask_pics();
	cpuid(1, 0, r);
	x2apic = r[2] >> 21 & 1;
	if (x2apic)
		return OK;
	return port_mmio_map(PADDR(rdmsr(MSR_APIC_BASE) & 0xffffff000), PAGE_SIZE, &page);
}

bool apic_has_x2apic(void)
{
	return x2apic;
}

u32 apic_read(u32 reg)
{
	return x2apic ? (u32)rdmsr(MSR_X2APIC + reg) : port_mmio_read32(&page, reg << 4);
}

void apic_write(u32 reg, u32 v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg, v);
	else
		port_mmio_write32(&page, reg << 4, v);
}

u32 apic_id(void)
{
	u32 id = apic_read(LAPIC_ID);

	return x2apic ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(LAPIC_EOI, 0);
}

static void mask_all(void)
{
	static const u8 lvts[] = {LAPIC_LVT_TIMER, LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
				  LAPIC_LVT_ERROR};
	u32 max_lvt = apic_read(LAPIC_VERSION) >> 16 & 0xff;

	for (u32 i = 0; i < ARRAY_SIZE(lvts); i++)
		apic_write(lvts[i], APIC_LVT_MASKED);
	if (max_lvt >= 4)
		apic_write(LAPIC_LVT_PERF, APIC_LVT_MASKED);
	if (max_lvt >= 5)
		apic_write(LAPIC_LVT_THERMAL, APIC_LVT_MASKED);
	if (max_lvt >= 6)
		apic_write(LAPIC_CMCI, APIC_LVT_MASKED);
}

void apic_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_EN;

	/* From xAPIC to x2APIC mode is the only step taken, and a legal one (SDM 3A §10.12.5). */
	if (x2apic)
		base |= APIC_BASE_EXTD;
	wrmsr(MSR_APIC_BASE, base);
	apic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
	mask_all();
	apic_write(LAPIC_TPR, 0);
	apic_write(LAPIC_TIMER_INITIAL, 0);
}

static bool any_bit(u32 reg)
{
	for (u32 i = 0; i < 8; i++)
		if (apic_read(reg + i))
			return true;
	return false;
}

void apic_clean(void)
{
	apic_enable();
	idt_load_discard();
	/*
	 * A pending interrupt can only be taken, an in-service one only be ended, each at most once
	 * per vector: 512 rounds empty any state. A guest may have given its timer any vector: one that
	 * is an exception's comes as an interrupt here, without an error code, and is discarded like the
	 * others (below 16 too: processors refuse those, SDM 3A §11.5.2, but not every APIC does).
	 */
	for (u32 round = 0; round < 512; round++) {
		if (any_bit(LAPIC_ISR))
			apic_eoi();
		else if (!any_bit(LAPIC_IRR))
			break;
		asm volatile("sti; nop; nop; cli" : : : "memory");
	}
	idt_load();
	apic_write(LAPIC_ESR, 0);
	apic_write(LAPIC_ESR, 0);
}

void apic_ipi(u32 apic_id, enum ipi_mode mode, u8 vector)
{
	u32 low = (u32)mode << 8 | ICR_ASSERT | vector;

	if (x2apic) {
		/* The write is not serialising (SDM 3A §10.12.3): what it announces goes first. */
		port_mb();
		wrmsr(MSR_X2APIC + LAPIC_ICR, (u64)apic_id << 32 | low);
		return;
	}
	while (port_mmio_read32(&page, LAPIC_ICR << 4) & ICR_PENDING)
		cpu_pause();
	port_mmio_write32(&page, LAPIC_ICR_HIGH << 4, apic_id << 24);
	port_mmio_write32(&page, LAPIC_ICR << 4, low);
	while (port_mmio_read32(&page, LAPIC_ICR << 4) & ICR_PENDING)
		cpu_pause();
}

void apic_kick(struct cpu *c)
{
	apic_ipi(c->apic_id, IPI_NMI, 0);
}

void apic_stop_others(void)
{
	for (u32 i = 0; i < ncpus; i++)
		if (cpus[i].online && &cpus[i] != this_cpu())
			apic_kick(&cpus[i]);
}
