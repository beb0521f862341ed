/* Hyper-V synthetic MSRs: see hyperv.h. */
#include "core/vcpu/hyperv.h"

enum hyperv_msr {
	HV_GUEST_OS_ID = 0x40000000,
	HV_HYPERCALL = 0x40000001,
	HV_VP_INDEX = 0x40000002,
	HV_TIME_REF_COUNT = 0x40000020,
	HV_REFERENCE_TSC = 0x40000021,
	HV_TSC_FREQUENCY = 0x40000022,
	HV_APIC_FREQUENCY = 0x40000023,
	HV_VP_ASSIST_PAGE = 0x40000073,
	HV_TSC_INVARIANT_CONTROL = 0x40000118,
};

#define HYPERCALL_ENABLE 1u
#define HYPERCALL_LOCKED 2u

/*
 * What a guest finds in its hypercall page: mov eax, HV_STATUS_INVALID_HYPERCALL_CODE; xor edx, edx;
 * ret. It reads the same in 32-bit and 64-bit code, where the status is EDX:EAX or RAX.
 */
static const u8 no_such_call[] = {0xb8, 2, 0, 0, 0, 0x31, 0xd2, 0xc3};

int hyperv_msr_read(struct msr_cpu *c, u32 msr, u64 *value)
{
	const struct msr_workstation *ws = c->ws;

	switch (msr) {
	case HV_GUEST_OS_ID:
		*value = ws->hv_guest_os_id;
		return OK;
	case HV_HYPERCALL:
		*value = ws->hv_hypercall;
		return OK;
	case HV_VP_INDEX:
		*value = c->lapic->id;
		return OK;
	case HV_TIME_REF_COUNT:
		*value = c->ops->time_100ns(c->hw);
		return OK;
	case HV_TSC_FREQUENCY:
		*value = ws->tsc_hz;
		return OK;
	case HV_APIC_FREQUENCY:
		*value = ws->apic_hz;
		return OK;
	case HV_REFERENCE_TSC: /* not offered; guests switch it off in passing */
	case HV_VP_ASSIST_PAGE:
		*value = 0;
		return OK;
	case HV_TSC_INVARIANT_CONTROL:
		if (!ws->invariant_tsc)
			return ERR_PERM;
		*value = ws->hv_tsc_invariant;
		return OK;
	default:
		return ERR_PERM;
	}
}

/* TLFS §3.13: enabling needs an identity; the page is the guest's own memory. */
static int write_hypercall(struct msr_cpu *c, u64 value)
{
	struct msr_workstation *ws = c->ws;

	if (ws->hv_hypercall & HYPERCALL_LOCKED)
		return OK;
	if (!ws->hv_guest_os_id)
		value &= ~(u64)HYPERCALL_ENABLE;
	if (value & HYPERCALL_ENABLE &&
	    c->ops->guest_write(c->hw, GPA(value & ~0xfffull), no_such_call, sizeof(no_such_call)))
		return ERR_PERM;
	ws->hv_hypercall = value;
	return OK;
}

int hyperv_msr_write(struct msr_cpu *c, u32 msr, u64 value)
{
	struct msr_workstation *ws = c->ws;

	switch (msr) {
	case HV_GUEST_OS_ID:
		ws->hv_guest_os_id = value;
		if (!value)
			ws->hv_hypercall &= ~(u64)HYPERCALL_ENABLE;
		return OK;
	case HV_HYPERCALL:
		return write_hypercall(c, value);
	case HV_REFERENCE_TSC:
	case HV_VP_ASSIST_PAGE:
		return OK;
	case HV_TSC_INVARIANT_CONTROL:
		if (!ws->invariant_tsc || value & ~1ull)
			return ERR_PERM;
		ws->hv_tsc_invariant = value;
		return OK;
	default:
		return ERR_PERM;
	}
}
