/*
 * Several vCPUs of one workstation do to their APICs whatever the input says: APIC_BASE, MSRs, the
 * page, MSR policy around them. Nothing but allowed interrupts to vCPUs that exist may come out, and
 * nothing but harmless registers may reach the real APIC.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vcpu/lapic.h"
#include "core/vcpu/msr.h"

#define CPUS 21

static struct lapic apics[CPUS];
static struct msr_workstation ws;
static struct msr_cpu msrs[CPUS];
static u64 efer[CPUS];

static u32 hw_read(void *hw, u8 reg)
{
	if (reg != LAPIC_TPR && reg != LAPIC_PPR && reg != LAPIC_LVT_TIMER &&
	    reg != LAPIC_TIMER_INITIAL && reg != LAPIC_TIMER_CURRENT && reg != LAPIC_TIMER_DIVIDE &&
	    (reg < LAPIC_ISR || reg >= LAPIC_IRR + 8))
		abort();
	return reg;
}

static void hw_write(void *hw, u8 reg, u32 value)
{
	switch (reg) {
	case LAPIC_TPR:
	case LAPIC_EOI:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_DIVIDE:
	case LAPIC_SELF_IPI:
		return;
	case LAPIC_SVR:
		if ((value & 0xff) < 16)
			abort();
		return;
	case LAPIC_LVT_TIMER:
		if (value & ~0x700ffu || (!(value & 0x10000) && (value & 0xff) < 16))
			abort();
		return;
	default:
		abort();
	}
}

static void hw_ipi(void *hw, u32 vcpu, enum ipi_mode mode, u8 vector)
{
	if (vcpu >= CPUS || (mode == IPI_FIXED && vector < 16) ||
	    (mode != IPI_FIXED && mode != IPI_NMI && mode != IPI_INIT && mode != IPI_SIPI))
		abort();
	if (apics[vcpu].mode == LAPIC_DISABLED)
		abort();
}

static void hw_mode(void *hw, enum lapic_mode mode)
{
	if (mode > LAPIC_X2APIC)
		abort();
}

static u64 efer_read(void *hw)
{
	return *(u64 *)hw;
}

static void efer_write(void *hw, u64 value)
{
	if (value & ~ws.efer_allowed)
		abort();
	*(u64 *)hw = value;
}

static u64 cr0_read(void *hw)
{
	return *(u64 *)hw & 0x400 ? 1u << 31 : 0;
}

static int guest_write(void *hw, gpa_t gpa, const void *src, size_t n)
{
	return gpa.v < MIB(1) && n <= 16 ? OK : ERR_RANGE;
}

static u64 time_100ns(void *hw)
{
	return 0;
}

static const struct apic_ops apic_ops = {hw_read, hw_write, hw_ipi, hw_mode};
static const struct msr_ops msr_ops = {efer_read, efer_write, cr0_read, guest_write, time_100ns};

struct step {
	u8 cpu, what;
	u16 where;
	u64 value;
} __packed;

static void take(const struct step *s)
{
	u32 cpu = s->cpu % CPUS;
	struct lapic *a = &apics[cpu];
	u64 value = s->value;

	switch (s->what % 8) {
	case 0:
		(void)!lapic_base_write(a, value);
		break;
	case 1: /* a move that is more often legal */
		(void)!lapic_base_write(a, APIC_BASE_ADDRESS | (value & 0xd00));
		break;
	case 2:
		(void)!lapic_msr_write(a, s->where, value);
		break;
	case 3:
		(void)!lapic_msr_read(a, s->where, &value);
		break;
	case 4:
		(void)!lapic_mmio_write(a, s->where & 0xfff, 1 << (s->value >> 62), value);
		break;
	case 5:
		(void)!lapic_mmio_read(a, s->where & 0xfff, 1 << (s->value >> 62), &value);
		break;
	case 6:
		(void)!msr_write(&msrs[cpu], (u32)value, value >> 16 | (u64)s->where << 48);
		break;
	default:
		(void)!msr_read(&msrs[cpu], (u32)value, &value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct step s;

	if (!n)
		return 0;
	ws = (struct msr_workstation){.features = data[0] & 1 ? MSR_INTEL : MSR_AMD,
				      .invariant_tsc = data[0] & 2,
				      .efer_allowed = 0xd01};
	for (u32 i = 0; i < CPUS; i++) {
		efer[i] = 0;
		lapic_reset(&apics[i], &apic_ops, NULL, apics, i, CPUS, data[0] & 4);
		msr_init(&msrs[i], &ws, &msr_ops, &efer[i], &apics[i]);
	}
	for (size_t at = 1; n - at >= sizeof(s) && at < n; at += sizeof(s)) {
		memcpy(&s, data + at, sizeof(s));
		take(&s);
	}
	return 0;
}
