/* Frequencies: told by the command line or the hypervisor, else measured against the ACPI PM timer. */
#include "lib/internal.h"

#define PM_TIMER_HZ	   3579545u
#define MSR_TSC_FREQUENCY  0x40000022u
#define MSR_APIC_FREQUENCY 0x40000023u

u64 tsc_hz, apic_hz;

static void measure(void)
{
	u16 port = (u16)machine.pm_timer;
	u32 ticks = PM_TIMER_HZ / 100, start, now;
	u64 tsc;

	if (!port)
		fatal("neither frequency MSRs nor a PM timer");
	start = inl(port) & 0xffffff;
	while ((now = inl(port) & 0xffffff) == start)
		;
	start = now;
	tsc = rdtsc();
	apic_timer(LVT_MASKED, ~0u);
	while (((inl(port) - start) & 0xffffff) < ticks)
		;
	apic_hz = (u64)(~0u - apic_read(APIC_TMCCT)) * 100;
	tsc_hz = (rdtsc() - tsc) * 100;
	apic_write(APIC_TMICT, 0);
}

void clock_init(void)
{
	u32 r[4], features;

	tsc_hz = option_number("tsc_hz", 0);
	apic_hz = option_number("apic_hz", 0);
	if (tsc_hz && apic_hz)
		return;
	cpuid(0x40000000, 0, r);
	if (machine.caprock && r[0] >= 0x40000003) {
		cpuid(0x40000003, 0, r);
		features = r[0];
		if ((features >> 11 & 1) && (r[3] >> 8 & 1)) {
			tsc_hz = rdmsr(MSR_TSC_FREQUENCY);
			apic_hz = rdmsr(MSR_APIC_FREQUENCY);
			return;
		}
	}
	measure();
}

void delay_us(u64 us)
{
	u64 end = rdtsc() + tsc_us(us);

	while ((s64)(end - rdtsc()) > 0)
		cpu_relax();
}
