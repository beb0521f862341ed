/* Model-specific registers by policy: see msr.h. */
#include "core/vcpu/msr.h"
#include "core/base/mem.h"
#include "core/vcpu/hyperv.h"
#include "core/vcpu/msr_policy.h"

#define CR0_PG		  (1ull << 31)
#define EFER_LME	  (1ull << 8)
#define EFER_LMA	  (1ull << 10)
#define MISC_FAST_STRINGS (1ull << 0)
#define MISC_NO_BTS	  (1ull << 11)
#define MISC_NO_PEBS	  (1ull << 12)
#define MISC_MONITOR	  (1ull << 18)

u32 msr_features(void (*host)(void *ctx, u32 leaf, u32 sub, u32 out[4]), void *ctx)
{
	static const struct {
		u32 leaf;
		u8 sub, reg; /* EAX, EBX, ECX, EDX */
		u32 bits;    /* any of them */
		u32 feature;
	} probes[] = {
	    {1, 0, 2, 1u << 24, MSR_TSC_DEADLINE},
	    {7, 0, 2, 1u << 22, MSR_TSC_AUX}, /* RDPID */
	    {7, 0, 3, 1u << 26 | 1u << 27 | 1u << 31, MSR_SPEC_CTRL},
	    {7, 0, 3, 1u << 26, MSR_PRED_CMD},
	    {7, 0, 3, 1u << 28, MSR_FLUSH_CMD},
	    {7, 0, 3, 1u << 29, MSR_ARCH_CAP},
	    {0xd, 1, 0, 1u << 3, MSR_XSAVES},
	    {0x80000001, 0, 3, 1u << 27, MSR_TSC_AUX}, /* RDTSCP */
	    {0x80000008, 0, 1, 1u << 14 | 1u << 15 | 1u << 24 | 1u << 28, MSR_SPEC_CTRL},
	    {0x80000008, 0, 1, 1u << 12, MSR_PRED_CMD},
	};
	u32 out[4], max[2], features;

	host(ctx, 0x80000000, 0, out);
	max[1] = out[0];
	host(ctx, 0, 0, out);
	max[0] = out[0];
	features = out[1] == 0x756e6547 ? MSR_INTEL : MSR_AMD; /* "Genu" */
	for (u32 i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].leaf > max[probes[i].leaf >> 31])
			continue;
		host(ctx, probes[i].leaf, probes[i].sub, out);
		if (out[probes[i].reg] & probes[i].bits)
			features |= probes[i].feature;
	}
	return features;
}

bool msr_passed(u32 features, u32 msr, bool write)
{
	for (u32 i = 0; i < msr_npass_rules; i++) {
		const struct msr_pass_rule *r = &msr_pass_rules[i];

		if (msr >= r->first && msr <= r->last)
			return (features & r->features) == r->features &&
			       (write ? r->write : r->read);
	}
	return false;
}

void msr_each_passed(u32 features, void (*pass)(void *ctx, u32 msr, bool read, bool write),
		     void *ctx)
{
	for (u32 i = 0; i < msr_npass_rules; i++) {
		const struct msr_pass_rule *r = &msr_pass_rules[i];

		if ((features & r->features) != r->features)
			continue;
		for (u32 msr = r->first; msr <= r->last; msr++)
			pass(ctx, msr, r->read, r->write);
	}
}

void msr_init(struct msr_cpu *c, struct msr_workstation *ws, const struct msr_ops *ops, void *hw,
	      struct lapic *lapic)
{
	memset(c, 0, sizeof(*c));
	c->ws = ws;
	c->ops = ops;
	c->hw = hw;
	c->lapic = lapic;
	/* A register that has no rule, so that an empty entry is a true one. */
	for (u32 i = 0; i < MSR_RECENT; i++)
		c->recent[i].msr = ~0u;
	c->misc_enable = MISC_FAST_STRINGS | MISC_NO_BTS | MISC_NO_PEBS | MISC_MONITOR;
}

static __attribute__((noinline)) const struct msr_rule *search_rule(u32 features, u32 msr)
{
	u32 low = 0, high = msr_nrules;

	while (low < high) {
		u32 middle = (low + high) / 2;
		const struct msr_rule *r = &msr_rules[middle];

		if (msr < r->first)
			high = middle;
		else if (msr > r->last)
			low = middle + 1;
		else
			return (features & r->features) == r->features ? r : NULL;
	}
	return NULL;
}

/* The rule of a register on this processor, or NULL. */
static inline const struct msr_rule *find_rule(struct msr_cpu *c, u32 msr)
{
	struct msr_recent *recent = &c->recent[msr % MSR_RECENT];

	if (recent->msr != msr) {
		recent->msr = msr;
		recent->rule = search_rule(c->ws->features, msr);
	}
	return recent->rule;
}

/*
 * EFER (APM vol. 2 §3.1.7): only bits that CPUID offers; LMA is the processor's; LME stands still
 * while paging is on.
 */
static __attribute__((noinline)) int write_efer(struct msr_cpu *c, u64 value)
{
	u64 old = c->ops->efer_read(c->hw);

	if (value & ~c->ws->efer_allowed)
		return ERR_PERM;
	if ((value ^ old) & EFER_LME && c->ops->cr0_read(c->hw) & CR0_PG)
		return ERR_PERM;
	c->ops->efer_write(c->hw, (value & ~EFER_LMA) | (old & EFER_LMA));
	return OK;
}

static int call_read(struct msr_cpu *c, u32 msr, enum msr_handler handler, u64 *value)
{
	switch (handler) {
	case HANDLER_APIC_BASE:
		*value = lapic_base_read(c->lapic);
		return OK;
	case HANDLER_EFER:
		*value = c->ops->efer_read(c->hw);
		return OK;
	case HANDLER_MTRR:
		return mtrr_read(&c->mtrr, msr, value);
	case HANDLER_MISC_ENABLE:
		*value = c->misc_enable;
		return OK;
	case HANDLER_MICROCODE:
		*value = c->ws->microcode;
		return OK;
	case HANDLER_PLATFORM_ID:
		*value = c->ws->platform_id;
		return OK;
	case HANDLER_ARCH_CAP:
		*value = c->ws->arch_capabilities & MSR_ARCH_CAP_PASSED;
		return OK;
	case HANDLER_XSS:
		*value = 0;
		return OK;
	case HANDLER_HYPERV:
		return hyperv_msr_read(c, msr, value);
	}
	return ERR_PERM;
}

static int call_write(struct msr_cpu *c, u32 msr, enum msr_handler handler, u64 value)
{
	switch (handler) {
	case HANDLER_APIC_BASE:
		return lapic_base_write(c->lapic, value);
	case HANDLER_EFER:
		return write_efer(c, value);
	case HANDLER_MTRR:
		return mtrr_write(&c->mtrr, msr, value);
	case HANDLER_MISC_ENABLE:
		/* Only the string bit is the guest's; the others say what there is. */
		c->misc_enable =
		    (c->misc_enable & ~MISC_FAST_STRINGS) | (value & MISC_FAST_STRINGS);
		return OK;
	case HANDLER_XSS:
		return value ? ERR_PERM : OK; /* no supervisor state is offered */
	case HANDLER_HYPERV:
		return hyperv_msr_write(c, msr, value);
	case HANDLER_MICROCODE:
	case HANDLER_PLATFORM_ID:
	case HANDLER_ARCH_CAP:
		break;
	}
	return ERR_PERM;
}

static int answer_read(struct msr_cpu *c, u32 msr, u64 *value)
{
	const struct msr_rule *r = find_rule(c, msr);

	if (!r || r->read == ANSWER_GP)
		return ERR_PERM;
	if (r->read == ANSWER_HANDLER)
		return call_read(c, msr, (enum msr_handler)r->value, value);
	*value = r->value;
	return OK;
}

static int answer_write(struct msr_cpu *c, u32 msr, u64 value)
{
	const struct msr_rule *r = find_rule(c, msr);

	if (!r || r->write == ANSWER_GP)
		return ERR_PERM;
	if (r->write == ANSWER_HANDLER)
		return call_write(c, msr, (enum msr_handler)r->value, value);
	c->dropped += r->write == ANSWER_DROP;
	return OK;
}

/*
 * x2APIC registers are not looked up: they are the only ones a busy guest comes here for, to send
 * interrupts between its cores.
 */
int msr_read(struct msr_cpu *c, u32 msr, u64 *value)
{
	u32 reg = msr - MSR_X2APIC_FIRST;
	int err = reg < MSR_X2APIC_COUNT ? lapic_msr_read(c->lapic, reg, value)
					 : answer_read(c, msr, value);

	if (!err)
		return OK;
	c->refused++;
	return ERR_PERM;
}

int msr_write(struct msr_cpu *c, u32 msr, u64 value)
{
	u32 reg = msr - MSR_X2APIC_FIRST;
	int err = reg < MSR_X2APIC_COUNT ? lapic_msr_write(c->lapic, reg, value)
					 : answer_write(c, msr, value);

	if (!err)
		return OK;
	c->refused++;
	return ERR_PERM;
}
