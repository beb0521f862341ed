/* Exits for control registers: MOV to CR0 and CR4, CLTS, LMSW, XSETBV. */
#include "core/vcpu/exit.h"

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_PAE	    (1ull << 5)
#define CR4_LA57    (1ull << 12)
#define CR4_PCIDE   (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)

#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)

static bool cr4_valid(struct vcpu *v, u64 value)
{
	u64 lma = v->ops->read(v, VIRT_EFER) & EFER_LMA;

	if (value & ~cpuid_cr4_allowed(&v->guest->cpuid))
		return false;
	/* APM 2 §3.1.3: in long mode PAE and LA57 stay, and PCIDE needs long mode and PCID 0. */
	if (lma && (!(value & CR4_PAE) || ((value ^ v->view.cr4) & CR4_LA57)))
		return false;
	if ((value & CR4_PCIDE) && !(v->view.cr4 & CR4_PCIDE) &&
	    (!lma || (v->ops->read(v, VIRT_CR3) & 0xfff)))
		return false;
	return true;
}

/* APM 2 §3.1.1 and §14.6: the rules of a MOV to CR0, and what it does to EFER.LMA. */
static bool write_cr0(struct vcpu *v, u64 value)
{
	u64 old = v->ops->read(v, VIRT_CR0), efer = v->ops->read(v, VIRT_EFER), new_efer = efer;

	if (value >> 32 || ((value & CR0_NW) && !(value & CR0_CD)) ||
	    ((value & CR0_PG) && !(value & CR0_PE)))
		return false;
	if ((value & CR0_PG) && !(old & CR0_PG) && (efer & EFER_LME)) {
		if (!(v->view.cr4 & CR4_PAE) || v->long_mode)
			return false;
		new_efer |= EFER_LMA;
	}
	if (!(value & CR0_PG) && (old & CR0_PG)) {
		if (v->long_mode || (v->view.cr4 & CR4_PCIDE))
			return false;
		new_efer &= ~EFER_LMA;
	}
	v->ops->write(v, VIRT_CR0, value | CR0_ET);
	if (new_efer != efer)
		v->ops->write(v, VIRT_EFER, new_efer);
	return true;
}

static bool write_cr4(struct vcpu *v, u64 value)
{
	if (!cr4_valid(v, value))
		return false;
	v->view.cr4 = value;
	v->ops->write(v, VIRT_CR4, value);
	return true;
}

/* The general register of MOV CRn or LMSW: ModRM rm, REX.B its fourth bit. */
static u64 *cr_operand(struct vcpu *v, const struct insn *i, const u8 *bytes)
{
	u8 rm = bytes[i->len - 1] & 7;

	if (i->mode == INSN_64 && i->len >= 4 && (bytes[i->len - 4] & 0xf0) == 0x40)
		rm |= (bytes[i->len - 4] & 1) << 3;
	return &v->gpr[rm];
}

/* LMSW (0F 01 /6): the low four bits, of which PE can only be set. */
static u64 lmsw_value(struct vcpu *v, u64 operand)
{
	u64 old = v->ops->read(v, VIRT_CR0), low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;

	return (old & ~low) | (old & CR0_PE) | (operand & low);
}

void exit_cr(struct vcpu *v)
{
	u8 bytes[INSN_MAX];
	const struct insn *i = vcpu_instruction(v);
	size_t n = vcpu_fetch(v, bytes);
	bool ok = true;

	if (!i || n < i->len || i->len < 2)
		return;
	if (i->len < 3 || bytes[i->len - 2] == 0x0f) { /* CLTS, 0F 06 */
		v->ops->write(v, VIRT_CR0, v->ops->read(v, VIRT_CR0) & ~CR0_TS);
		vcpu_skip(v, i->len);
		return;
	}
	u8 opcode = bytes[i->len - 2];
	u64 *reg = cr_operand(v, i, bytes);

	if (opcode == 0x20) {
		*reg = v->view.cr4;
	} else if (opcode == 0x22) {
		u64 value = v->long_mode ? *reg : (u32)*reg;

		ok = v->exit.cr.number ? write_cr4(v, value) : write_cr0(v, value);
	} else if (opcode == 0x01 && bytes[i->len - 1] >= 0xc0) {
		ok = write_cr0(v, lmsw_value(v, *reg));
	} else {
		vcpu_inject_ud(v); /* LMSW from memory: no system has used it since 1985 */
		return;
	}
	if (ok)
		vcpu_skip(v, i->len);
	else
		vcpu_inject_gp(v);
}

void exit_xsetbv(struct vcpu *v)
{
	u64 value = v->gpr[GPR_DX] << 32 | (u32)v->gpr[GPR_AX];

	if (!(v->view.cr4 & CR4_OSXSAVE)) {
		vcpu_inject_ud(v);
		return;
	}
	if ((u32)v->gpr[GPR_CX] || v->ops->cpl(v) || !cpuid_xcr0_valid(&v->guest->cpuid, value)) {
		vcpu_inject_gp(v);
		return;
	}
	v->view.xcr0 = value;
	v->ops->set_xcr0(v, value);
	exit_skip(v);
}
