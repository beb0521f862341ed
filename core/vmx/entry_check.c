#include "core/vmx/entry_check.h"
#include "core/vmx/vmcs.h"

#define CR0_PE	    (1ull << 0)
#define CR0_PG	    (1ull << 31)
#define CR4_PAE	    (1ull << 5)
#define CR4_PCIDE   (1ull << 17)
#define EFER_LME    (1ull << 8)
#define EFER_LMA    (1ull << 10)
#define EFER_BITS   0xd01ull
#define RFLAGS_TF   (1ull << 8)
#define RFLAGS_IF   (1ull << 9)
#define RFLAGS_VM   (1ull << 17)
#define RFLAGS_ZERO 0xffffffffffc08028ull

static u64 get(const struct vmcs_reader *r, u32 field)
{
	return r->read(r->ctx, field);
}

static bool canonical(u64 a)
{
	return (u64)((s64)(a << 16) >> 16) == a;
}

/* A physical address of a page. */
static bool page(const struct vmcs_reader *r, u64 a)
{
	return !(a & 0xfff) && !(a >> r->phys_bits);
}

/* A control word against its capability register: bits that must be 1, bits that may be. */
static bool allowed(const struct vmcs_reader *r, enum vmx_capability cap, u64 v)
{
	u64 c = r->host->cap[cap];

	return !((u32)c & ~v) && !(v & ~(c >> 32));
}

static bool pat(u64 v)
{
	for (u32 i = 0; i < 8; i++) {
		u8 type = (u8)(v >> i * 8);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool fixed(const struct vmcs_reader *r, u32 zero, u64 v, u64 except)
{
	u64 must = r->host->cap[zero] & ~except, may = r->host->cap[zero + 1] | except;

	return !(must & ~v) && !(v & ~may);
}

static bool long_guest(const struct vmcs_reader *r)
{
	return get(r, VMCS_ENTRY_CONTROLS) & VMENTRY_LONG_MODE;
}

/* ---- one function a rule; v is the field's value ---------------------------------------------- */

static bool pin(const struct vmcs_reader *r, u64 v)
{
	return allowed(r, CAP_TRUE_PIN, v);
}

static bool proc(const struct vmcs_reader *r, u64 v)
{
	return allowed(r, CAP_TRUE_PROC, v);
}

static bool proc2(const struct vmcs_reader *r, u64 v)
{
	return allowed(r, CAP_PROC2, v);
}

static bool exit_controls(const struct vmcs_reader *r, u64 v)
{
	return allowed(r, CAP_TRUE_EXIT, v);
}

static bool entry_controls(const struct vmcs_reader *r, u64 v)
{
	return allowed(r, CAP_TRUE_ENTRY, v);
}

static bool bitmap(const struct vmcs_reader *r, u64 v)
{
	return !(get(r, VMCS_PROC_CONTROLS) & PROC_MSR_BITMAPS) || page(r, v);
}

static bool window(const struct vmcs_reader *r, u64 v)
{
	return !(v & PROC_NMI_WINDOW) || get(r, VMCS_PIN_CONTROLS) & PIN_VIRTUAL_NMIS;
}

static bool vpid(const struct vmcs_reader *r, u64 v)
{
	return !(get(r, VMCS_PROC2_CONTROLS) & PROC2_VPID) || v;
}

static bool eptp(const struct vmcs_reader *r, u64 v)
{
	return (v & 7) == 6 && (v >> 3 & 7) == 3 && !(v & 0xf80) && !(v >> r->phys_bits);
}

static bool event_type(const struct vmcs_reader *r, u64 v)
{
	u32 type = v & VMEVENT_TYPE, vector = v & VMEVENT_VECTOR;

	if (!(v & VMEVENT_VALID))
		return true;
	return type != 1u << 8 && type != 7u << 8 && (type != VMEVENT_NMI || vector == 2) &&
	       (type != VMEVENT_EXCEPTION || vector < 32) && !(v & 0x7ffff000);
}

static bool zero(const struct vmcs_reader *r, u64 v)
{
	return !v;
}

static bool host_cr0(const struct vmcs_reader *r, u64 v)
{
	return fixed(r, CAP_CR0_FIXED0, v, 0);
}

static bool host_cr4(const struct vmcs_reader *r, u64 v)
{
	return fixed(r, CAP_CR4_FIXED0, v, 0) && v & CR4_PAE;
}

static bool physical(const struct vmcs_reader *r, u64 v)
{
	return !(v >> r->phys_bits);
}

static bool is_canonical(const struct vmcs_reader *r, u64 v)
{
	return canonical(v);
}

static bool good_pat(const struct vmcs_reader *r, u64 v)
{
	return pat(v);
}

static bool host_efer(const struct vmcs_reader *r, u64 v)
{
	return !(v & ~EFER_BITS) && v & EFER_LMA && v & EFER_LME;
}

static bool host_selector(const struct vmcs_reader *r, u64 v)
{
	return !(v & 7);
}

static bool host_loaded(const struct vmcs_reader *r, u64 v)
{
	return v && !(v & 7);
}

static bool guest_cr0(const struct vmcs_reader *r, u64 v)
{
	return fixed(r, CAP_CR0_FIXED0, v, CR0_PE | CR0_PG) && (!(v & CR0_PG) || v & CR0_PE);
}

static bool guest_cr4(const struct vmcs_reader *r, u64 v)
{
	return fixed(r, CAP_CR4_FIXED0, v, 0);
}

static bool long_cr0(const struct vmcs_reader *r, u64 v)
{
	return !long_guest(r) || v & CR0_PG;
}

static bool long_cr4(const struct vmcs_reader *r, u64 v)
{
	return long_guest(r) ? v & CR4_PAE : !(v & CR4_PCIDE);
}

static bool guest_efer(const struct vmcs_reader *r, u64 v)
{
	bool lma = v & EFER_LMA, lme = v & EFER_LME;

	return !(v & ~EFER_BITS) && lma == long_guest(r) &&
	       (!(get(r, VMCS_GUEST_CR0) & CR0_PG) || lma == lme);
}

static bool rflags(const struct vmcs_reader *r, u64 v)
{
	return v & 2 && !(v & RFLAGS_ZERO) &&
	       (!(v & RFLAGS_VM) || (!long_guest(r) && get(r, VMCS_GUEST_CR0) & CR0_PE));
}

static bool rflags_event(const struct vmcs_reader *r, u64 v)
{
	u64 e = get(r, VMCS_ENTRY_EVENT);

	return !(e & VMEVENT_VALID) || (e & VMEVENT_TYPE) != VMEVENT_INTERRUPT || v & RFLAGS_IF;
}

static bool rip(const struct vmcs_reader *r, u64 v)
{
	u32 cs = (u32)get(r, VMCS_GUEST_CS_RIGHTS);

	return long_guest(r) && cs & RIGHTS_L ? canonical(v) : !(v >> 32);
}

static bool dr7(const struct vmcs_reader *r, u64 v)
{
	return !(v >> 32);
}

static bool cs_rights(const struct vmcs_reader *r, u64 v)
{
	u32 type = v & 15;

	if (get(r, VMCS_GUEST_RFLAGS) & RFLAGS_VM)
		return v == 0xf3;
	return !(v & RIGHTS_UNUSABLE) && v & 0x10 && v & RIGHTS_P &&
	       (type == 3 || (type & 9) == 9) && !(v & 0xf00) && !(v >> 17) &&
	       (!long_guest(r) || !(v & RIGHTS_L) || !(v & RIGHTS_DB));
}

static bool ss_rights(const struct vmcs_reader *r, u64 v)
{
	u32 type = v & 15;

	if (get(r, VMCS_GUEST_RFLAGS) & RFLAGS_VM)
		return v == 0xf3;
	return v & RIGHTS_UNUSABLE || ((type == 3 || type == 7) && v & 0x10 && v & RIGHTS_P);
}

static bool tr_rights(const struct vmcs_reader *r, u64 v)
{
	u32 type = v & 15;

	return !(v & RIGHTS_UNUSABLE) && v & RIGHTS_P && !(v & 0x10) &&
	       (type == 11 || (type == 3 && !long_guest(r)));
}

static bool ldtr_rights(const struct vmcs_reader *r, u64 v)
{
	return v & RIGHTS_UNUSABLE || ((v & 15) == 2 && v & RIGHTS_P && !(v & 0x10));
}

static bool limit16(const struct vmcs_reader *r, u64 v)
{
	return !(v >> 16);
}

static bool activity(const struct vmcs_reader *r, u64 v)
{
	return v <= 3 && (v == ACTIVITY_ACTIVE || !(get(r, VMCS_GUEST_INTERRUPTIBILITY) & 3));
}

static bool interruptibility(const struct vmcs_reader *r, u64 v)
{
	u64 e = get(r, VMCS_ENTRY_EVENT);
	u32 type = e & VMEVENT_TYPE;

	if (v >> 5 || (v & 3) == 3)
		return false;
	if (v & SHADOW_STI && !(get(r, VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		return false;
	if (!(e & VMEVENT_VALID))
		return true;
	if (type == VMEVENT_INTERRUPT)
		return !(v & 3);
	return type != VMEVENT_NMI || !(v & (SHADOW_MOV_SS | BLOCKED_NMI));
}

static bool pending_debug(const struct vmcs_reader *r, u64 v)
{
	bool held =
	    get(r, VMCS_GUEST_INTERRUPTIBILITY) & 3 || get(r, VMCS_GUEST_ACTIVITY) == ACTIVITY_HLT;
	bool step = get(r, VMCS_GUEST_RFLAGS) & RFLAGS_TF && !(get(r, VMCS_GUEST_DEBUGCTL) & 2);

	return !(v & ~0x1500full) && (!held || step == !!(v & PENDING_DEBUG_STEP));
}

static bool link_pointer(const struct vmcs_reader *r, u64 v)
{
	return v == ~0ull;
}

/* ---- the table --------------------------------------------------------------------------------- */

struct check {
	u32 area, field;
	const char *name, *rule;
	bool (*holds)(const struct vmcs_reader *r, u64 v);
};

#define CONTROLS VMCS_AREA_CONTROLS
#define HOST	 VMCS_AREA_HOST
#define GUEST	 VMCS_AREA_GUEST

/* clang-format off */
static const struct check checks[] = {
	{CONTROLS, VMCS_PIN_CONTROLS, "pin-based controls", "bits the processor does not allow (27.2.1.1)", pin},
	{CONTROLS, VMCS_PROC_CONTROLS, "processor-based controls", "bits the processor does not allow (27.2.1.1)", proc},
	{CONTROLS, VMCS_PROC_CONTROLS, "processor-based controls", "NMI window without virtual NMIs (27.2.1.1)", window},
	{CONTROLS, VMCS_PROC2_CONTROLS, "secondary controls", "bits the processor does not allow (27.2.1.1)", proc2},
	{CONTROLS, VMCS_CR3_TARGETS, "CR3-target count", "more than none (27.2.1.1)", zero},
	{CONTROLS, VMCS_MSR_BITMAP, "MSR-bitmap address", "not the address of a page (27.2.1.1)", bitmap},
	{CONTROLS, VMCS_VPID, "VPID", "0 is the hypervisor's (27.2.1.1)", vpid},
	{CONTROLS, VMCS_EPT_POINTER, "EPT pointer", "type, levels or reserved bits (27.2.1.1)", eptp},
	{CONTROLS, VMCS_EXIT_CONTROLS, "VM-exit controls", "bits the processor does not allow (27.2.1.2)", exit_controls},
	{CONTROLS, VMCS_EXIT_MSR_STORE, "VM-exit MSR-store count", "not 0 (27.2.1.2)", zero},
	{CONTROLS, VMCS_EXIT_MSR_LOAD, "VM-exit MSR-load count", "not 0 (27.2.1.2)", zero},
	{CONTROLS, VMCS_ENTRY_CONTROLS, "VM-entry controls", "bits the processor does not allow (27.2.1.3)", entry_controls},
	{CONTROLS, VMCS_ENTRY_MSR_LOAD, "VM-entry MSR-load count", "not 0 (27.2.1.3)", zero},
	{CONTROLS, VMCS_ENTRY_EVENT, "VM-entry interruption information", "type, vector or reserved bits (27.2.1.3)", event_type},

	{HOST, VMCS_HOST_CR0, "host CR0", "bits fixed in VMX operation (27.2.2)", host_cr0},
	{HOST, VMCS_HOST_CR4, "host CR4", "bits fixed in VMX operation, or PAE off (27.2.2)", host_cr4},
	{HOST, VMCS_HOST_CR3, "host CR3", "beyond the physical address width (27.2.2)", physical},
	{HOST, VMCS_HOST_SYSENTER_ESP, "host SYSENTER_ESP", "not canonical (27.2.2)", is_canonical},
	{HOST, VMCS_HOST_SYSENTER_EIP, "host SYSENTER_EIP", "not canonical (27.2.2)", is_canonical},
	{HOST, VMCS_HOST_PAT, "host PAT", "a type that does not exist (27.2.2)", good_pat},
	{HOST, VMCS_HOST_EFER, "host EFER", "not a 64-bit host's (27.2.2)", host_efer},
	{HOST, VMCS_HOST_CS, "host CS", "null, or RPL or TI set (27.2.3)", host_loaded},
	{HOST, VMCS_HOST_TR, "host TR", "null, or RPL or TI set (27.2.3)", host_loaded},
	{HOST, VMCS_HOST_SS, "host SS", "RPL or TI set (27.2.3)", host_selector},
	{HOST, VMCS_HOST_DS, "host DS", "RPL or TI set (27.2.3)", host_selector},
	{HOST, VMCS_HOST_ES, "host ES", "RPL or TI set (27.2.3)", host_selector},
	{HOST, VMCS_HOST_FS, "host FS", "RPL or TI set (27.2.3)", host_selector},
	{HOST, VMCS_HOST_GS, "host GS", "RPL or TI set (27.2.3)", host_selector},
	{HOST, VMCS_HOST_FS_BASE, "host FS base", "not canonical (27.2.3)", is_canonical},
	{HOST, VMCS_HOST_GS_BASE, "host GS base", "not canonical (27.2.3)", is_canonical},
	{HOST, VMCS_HOST_TR_BASE, "host TR base", "not canonical (27.2.3)", is_canonical},
	{HOST, VMCS_HOST_GDTR_BASE, "host GDTR base", "not canonical (27.2.3)", is_canonical},
	{HOST, VMCS_HOST_IDTR_BASE, "host IDTR base", "not canonical (27.2.3)", is_canonical},
	{HOST, VMCS_HOST_RIP, "host RIP", "not canonical (27.2.4)", is_canonical},

	{GUEST, VMCS_GUEST_CR0, "guest CR0", "fixed bits, or PG without PE (27.3.1.1)", guest_cr0},
	{GUEST, VMCS_GUEST_CR0, "guest CR0", "no paging in a 64-bit guest (27.3.1.1)", long_cr0},
	{GUEST, VMCS_GUEST_CR4, "guest CR4", "bits fixed in VMX operation (27.3.1.1)", guest_cr4},
	{GUEST, VMCS_GUEST_CR4, "guest CR4", "PAE and PCIDE do not fit the mode (27.3.1.1)", long_cr4},
	{GUEST, VMCS_GUEST_CR3, "guest CR3", "beyond the physical address width (27.3.1.1)", physical},
	{GUEST, VMCS_GUEST_DR7, "guest DR7", "upper half not 0 (27.3.1.1)", dr7},
	{GUEST, VMCS_GUEST_SYSENTER_ESP, "guest SYSENTER_ESP", "not canonical (27.3.1.1)", is_canonical},
	{GUEST, VMCS_GUEST_SYSENTER_EIP, "guest SYSENTER_EIP", "not canonical (27.3.1.1)", is_canonical},
	{GUEST, VMCS_GUEST_PAT, "guest PAT", "a type that does not exist (27.3.1.1)", good_pat},
	{GUEST, VMCS_GUEST_EFER, "guest EFER", "reserved bits, or LMA and LME do not fit the mode (27.3.1.1)", guest_efer},
	{GUEST, VMCS_GUEST_RFLAGS, "guest RFLAGS", "reserved bits, or VM where it cannot be (27.3.1.4)", rflags},
	{GUEST, VMCS_GUEST_RFLAGS, "guest RFLAGS", "an interrupt is injected while IF is clear (27.3.1.4)", rflags_event},
	{GUEST, VMCS_GUEST_CS_RIGHTS, "guest CS access rights", "not a code segment that can run (27.3.1.2)", cs_rights},
	{GUEST, VMCS_GUEST_SS_RIGHTS, "guest SS access rights", "not a stack segment (27.3.1.2)", ss_rights},
	{GUEST, VMCS_GUEST_TR_RIGHTS, "guest TR access rights", "not a busy task state segment (27.3.1.2)", tr_rights},
	{GUEST, VMCS_GUEST_LDTR_RIGHTS, "guest LDTR access rights", "not a local descriptor table (27.3.1.2)", ldtr_rights},
	{GUEST, VMCS_GUEST_TR_BASE, "guest TR base", "not canonical (27.3.1.2)", is_canonical},
	{GUEST, VMCS_GUEST_GDTR_BASE, "guest GDTR base", "not canonical (27.3.1.3)", is_canonical},
	{GUEST, VMCS_GUEST_IDTR_BASE, "guest IDTR base", "not canonical (27.3.1.3)", is_canonical},
	{GUEST, VMCS_GUEST_GDTR_LIMIT, "guest GDTR limit", "more than 16 bits (27.3.1.3)", limit16},
	{GUEST, VMCS_GUEST_IDTR_LIMIT, "guest IDTR limit", "more than 16 bits (27.3.1.3)", limit16},
	{GUEST, VMCS_GUEST_RIP, "guest RIP", "does not fit the mode (27.3.1.4)", rip},
	{GUEST, VMCS_GUEST_ACTIVITY, "guest activity state", "none there is, or asleep in an interrupt shadow (27.3.1.5)", activity},
	{GUEST, VMCS_GUEST_INTERRUPTIBILITY, "guest interruptibility", "reserved bits, or does not fit the event (27.3.1.5)", interruptibility},
	{GUEST, VMCS_GUEST_PENDING_DEBUG, "guest pending debug exceptions", "reserved bits, or the step does not fit TF (27.3.1.5)", pending_debug},
	{GUEST, VMCS_LINK_POINTER, "VMCS link pointer", "in use (27.3.1.5)", link_pointer},
};
/* clang-format on */

bool vmcs_find_fault(const struct vmcs_reader *r, u32 areas, struct vmcs_fault *out)
{
	for (u32 i = 0; i < ARRAY_SIZE(checks); i++) {
		const struct check *c = &checks[i];

		if (!(c->area & areas))
			continue;
		u64 v = get(r, c->field);

		if (c->holds(r, v))
			continue;
		*out = (struct vmcs_fault){c->name, c->rule, v};
		return true;
	}
	return false;
}
