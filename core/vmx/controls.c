#include "core/vmx/controls.h"
#include "core/vmx/vmcs.h"

const u32 vmx_capability_msrs[CAPABILITIES] = {
    [CAP_BASIC] = 0x480,      [CAP_CR0_FIXED0] = 0x486, [CAP_CR0_FIXED1] = 0x487,
    [CAP_CR4_FIXED0] = 0x488, [CAP_CR4_FIXED1] = 0x489, [CAP_PROC2] = 0x48b,
    [CAP_EPT_VPID] = 0x48c,   [CAP_TRUE_PIN] = 0x48d,	[CAP_TRUE_PROC] = 0x48e,
    [CAP_TRUE_EXIT] = 0x48f,  [CAP_TRUE_ENTRY] = 0x490,
};

#define SWITCH_ON                                                                    \
	"Switch on 'Intel Virtualization Technology' (also called 'VT-x', 'VMX' or " \
	"'Virtualization') in the firmware setup, and switch the machine off and on again"
#define NEWER "Use a processor of the Westmere generation (2010) or later"
#define EMULATED                                                                      \
	"Use an Intel processor with VT-x; under an emulator or another hypervisor, " \
	"switch nested VMX on"

/* A control we run with. Optional ones are set where they can be. */
struct wanted {
	u8 cap;
	u32 bit;
	const char *missing; /* NULL: optional */
};

static const struct wanted wanted[] = {
    {CAP_TRUE_PIN, PIN_NMI_EXIT, "VMX cannot exit on NMIs"},
    {CAP_TRUE_PIN, PIN_VIRTUAL_NMIS, "VMX has no virtual NMIs"},
    {CAP_TRUE_PROC, PROC_RDPMC_EXIT, "VMX cannot intercept RDPMC"},
    {CAP_TRUE_PROC, PROC_NMI_WINDOW, "VMX has no NMI-window exiting"},
    {CAP_TRUE_PROC, PROC_IO_EXIT, "VMX cannot intercept every port"},
    {CAP_TRUE_PROC, PROC_MSR_BITMAPS, "VMX has no MSR bitmaps"},
    {CAP_TRUE_PROC, PROC_SECONDARY, "VMX has no secondary controls"},
    {CAP_PROC2, PROC2_EPT, "VMX has no extended page tables (EPT)"},
    {CAP_PROC2, PROC2_UNRESTRICTED, "VMX has EPT without unrestricted guests"},
    {CAP_PROC2, PROC2_VPID, "VMX has no virtual processor identifiers (VPID)"},
    {CAP_PROC2, PROC2_WBINVD_EXIT, "VMX cannot intercept WBINVD"},
    {CAP_PROC2, PROC2_RDTSCP, NULL},
    {CAP_PROC2, PROC2_INVPCID, NULL},
    {CAP_PROC2, PROC2_XSAVES, NULL},
    {CAP_PROC2, PROC2_ENCLS_EXIT, NULL},
    {CAP_PROC2, PROC2_HIDE_FROM_PT, NULL},
    {CAP_TRUE_EXIT, VMEXIT_SAVE_DEBUG, "VMX cannot save debug registers"},
    {CAP_TRUE_EXIT, VMEXIT_64BIT, "VMX cannot exit to 64-bit mode"},
    {CAP_TRUE_EXIT, VMEXIT_SAVE_PAT, "VMX cannot save PAT"},
    {CAP_TRUE_EXIT, VMEXIT_LOAD_PAT, "VMX cannot load PAT at exits"},
    {CAP_TRUE_EXIT, VMEXIT_SAVE_EFER, "VMX cannot save EFER"},
    {CAP_TRUE_EXIT, VMEXIT_LOAD_EFER, "VMX cannot load EFER at exits"},
    {CAP_TRUE_EXIT, VMEXIT_HIDE_FROM_PT, NULL},
    {CAP_TRUE_ENTRY, VMENTRY_LOAD_DEBUG, "VMX cannot load debug registers"},
    {CAP_TRUE_ENTRY, VMENTRY_LONG_MODE, "VMX has no 64-bit guests"},
    {CAP_TRUE_ENTRY, VMENTRY_LOAD_PAT, "VMX cannot load PAT at entries"},
    {CAP_TRUE_ENTRY, VMENTRY_LOAD_EFER, "VMX cannot load EFER at entries"},
    {CAP_TRUE_ENTRY, VMENTRY_HIDE_FROM_PT, NULL},
};

/* Reserved bits that read as 1 for ever, the "default1 class" (appendix A.2 to A.5). */
static const struct {
	u8 cap;
	u32 bits;
} default1[] = {
    {CAP_TRUE_PIN, 0x00000016},
    {CAP_TRUE_PROC, 0x04006172},
    {CAP_TRUE_EXIT, 0x00036dfb},
    {CAP_TRUE_ENTRY, 0x000011fb},
};

/* Bits set only while they are needed. */
#define DYNAMIC_PROC  PROC_NMI_WINDOW
#define DYNAMIC_ENTRY VMENTRY_LONG_MODE

/* IA32_VMX_EPT_VPID_CAP (appendix A.10). */
#define EPT_4_LEVELS	   (1ull << 6)
#define EPT_WB		   (1ull << 14)
#define EPT_2M		   (1ull << 16)
#define EPT_1G		   (1ull << 17)
#define EPT_INVEPT	   (1ull << 20)
#define EPT_INVEPT_SINGLE  (1ull << 25)
#define EPT_INVEPT_ALL	   (1ull << 26)
#define EPT_INVVPID	   (1ull << 32)
#define EPT_INVVPID_SINGLE (1ull << 41)
#define EPT_INVVPID_ALL	   (1ull << 42)

#define CR0_PE_PG ((1ull << 31) | 1)

#define F7_EDX_MD_CLEAR	  (1u << 10)
#define F7_EDX_L1D_FLUSH  (1u << 28)
#define ARCH_CAP_RDCL_NO  (1ull << 0)
#define ARCH_CAP_SKIP_L1D (1ull << 3) /* whoever is below us does it */

/* Exits are rare, so the buffers are cleared wherever that is known to work. */
struct vmx_leaks vmx_leaks_of(u32 features, u64 arch_capabilities)
{
	return (struct vmx_leaks){
	    .l1d = features & F7_EDX_L1D_FLUSH &&
		   !(arch_capabilities & (ARCH_CAP_RDCL_NO | ARCH_CAP_SKIP_L1D)),
	    .buffers = features & F7_EDX_MD_CLEAR,
	};
}

static int refuse(struct vmx_refusal *no, const char *why, const char *remedy)
{
	*no = (struct vmx_refusal){why, remedy};
	return ERR_UNSUPPORTED;
}

/* Bits of a control word that may be 1: the upper half of its capability register. */
static u32 may_set(u64 cap)
{
	return (u32)(cap >> 32);
}

/* Before anything is computed: is VMX there, may it be used, is it of the kind we need? */
static int check_generation(const struct vmx_host *h, struct vmx_refusal *no)
{
	u64 fc = h->feature_control;

	if (!h->vmx)
		return refuse(no, "the processor offers no VMX (Intel VT-x)", EMULATED);
	if ((fc & FEATURE_LOCKED) && !(fc & FEATURE_VMXON))
		return refuse(no, "VMX is disabled and locked by the firmware (FEATURE_CONTROL)",
			      SWITCH_ON);
	if (!(may_set(h->proc) & PROC_SECONDARY))
		return refuse(no, "VMX has no secondary controls, so no extended page tables (EPT)",
			      NEWER);
	if (!(may_set(h->cap[CAP_PROC2]) & PROC2_EPT))
		return refuse(no, "VMX has no extended page tables (EPT)", NEWER);
	if (!(may_set(h->cap[CAP_PROC2]) & PROC2_UNRESTRICTED))
		return refuse(no, "VMX has EPT without unrestricted guests", NEWER);
	if (!(h->cap[CAP_BASIC] & BASIC_TRUE))
		return refuse(no, "VMX has no true controls (VMX_BASIC bit 55)", NEWER);
	if (!(h->cap[CAP_BASIC] & BASIC_INS_OUTS))
		return refuse(no, "VMX does not tell about INS and OUTS (VMX_BASIC bit 54)", NEWER);
	return OK;
}

static int check_ept(u64 c, struct vmx_refusal *no)
{
	static const struct {
		u64 any;
		const char *missing;
	} needed[] = {
	    {EPT_4_LEVELS, "EPT has no tables of 4 levels"},
	    {EPT_WB, "EPT cannot keep its tables in write-back memory"},
	    {EPT_2M, "EPT has no leaves of 2 MiB"},
	    {EPT_INVEPT, "EPT has no INVEPT"},
	    {EPT_INVEPT_SINGLE | EPT_INVEPT_ALL, "INVEPT has no usable scope"},
	    {EPT_INVVPID, "VPID has no INVVPID"},
	    {EPT_INVVPID_SINGLE | EPT_INVVPID_ALL, "INVVPID has no usable scope"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(needed); i++)
		if (!(c & needed[i].any))
			return refuse(no, needed[i].missing, NEWER);
	return OK;
}

static int collect(const struct vmx_host *h, u32 words[CAPABILITIES], struct vmx_refusal *no)
{
	for (u32 i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct wanted *w = &wanted[i];

		if (may_set(h->cap[w->cap]) & w->bit)
			words[w->cap] |= w->bit;
		else if (w->missing)
			return refuse(no, w->missing, NEWER);
	}
	/* What must be 1 and is neither wanted nor a bit without a meaning would change the guest. */
	for (u32 i = 0; i < ARRAY_SIZE(default1); i++) {
		u8 cap = default1[i].cap;
		u32 must = (u32)h->cap[cap];

		if (must & ~(words[cap] | default1[i].bits))
			return refuse(
			    no, "VMX forces a control on that this hypervisor cannot run with",
			    "Report this machine");
		words[cap] |= must;
	}
	return OK;
}

bool vmx_controls_same(const struct vmx_controls *a, const struct vmx_controls *b)
{
	return a->pin == b->pin && a->proc == b->proc && a->proc2 == b->proc2 &&
	       a->exit == b->exit && a->entry == b->entry && a->eptp_bits == b->eptp_bits &&
	       a->large_1g == b->large_1g && a->invept_single == b->invept_single &&
	       a->invvpid_single == b->invvpid_single && a->cr0_always == b->cr0_always &&
	       a->cr4_always == b->cr4_always && a->cr0_never == b->cr0_never &&
	       a->cr4_never == b->cr4_never;
}

int vmx_controls_make(const struct vmx_host *h, struct vmx_controls *out, struct vmx_refusal *no)
{
	u32 words[CAPABILITIES] = {0};
	int err = check_generation(h, no);

	if (!err)
		err = check_ept(h->cap[CAP_EPT_VPID], no);
	if (!err)
		err = collect(h, words, no);
	if (err)
		return err;
	*out = (struct vmx_controls){
	    .pin = words[CAP_TRUE_PIN],
	    .proc = words[CAP_TRUE_PROC] & ~DYNAMIC_PROC,
	    .proc2 = words[CAP_PROC2],
	    .exit = words[CAP_TRUE_EXIT],
	    .entry = words[CAP_TRUE_ENTRY] & ~DYNAMIC_ENTRY,
	    .eptp_bits = 6 | 3 << 3, /* write-back, 4 levels, no accessed and dirty flags */
	    .large_1g = h->cap[CAP_EPT_VPID] & EPT_1G,
	    .invept_single = h->cap[CAP_EPT_VPID] & EPT_INVEPT_SINGLE,
	    .invvpid_single = h->cap[CAP_EPT_VPID] & EPT_INVVPID_SINGLE,
	    /* Unrestricted guests may have PE and PG clear (SDM 3 §24.8). */
	    .cr0_always = h->cap[CAP_CR0_FIXED0] & ~CR0_PE_PG,
	    .cr4_always = h->cap[CAP_CR4_FIXED0],
	    .cr0_never = ~h->cap[CAP_CR0_FIXED1],
	    .cr4_never = ~h->cap[CAP_CR4_FIXED1],
	};
	return OK;
}
