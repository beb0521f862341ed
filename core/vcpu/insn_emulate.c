/* Carry out a decoded instruction on a bus: see insn.h. */
#include "core/vcpu/insn.h"

#define FLAG_CF	     (1u << 0)
#define FLAG_PF	     (1u << 2)
#define FLAG_AF	     (1u << 4)
#define FLAG_ZF	     (1u << 6)
#define FLAG_SF	     (1u << 7)
#define FLAG_DF	     (1u << 10)
#define FLAG_OF	     (1u << 11)
#define FLAG_RF	     (1u << 16)
#define FLAGS_STATUS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static inline u64 width_mask(u8 width)
{
	return width == 8 ? ~0ull : (1ull << (8 * width)) - 1;
}

static u64 reg_read(const struct insn_cpu *cpu, u8 reg, u8 high, u8 width)
{
	return (cpu->gpr[reg] >> (high ? 8 : 0)) & width_mask(width);
}

/* A 32-bit result clears the upper half, narrower ones keep it (APM vol. 1 §3.1.2). */
static void reg_write(struct insn_cpu *cpu, u8 reg, u8 high, u8 width, u64 value)
{
	u64 mask = width_mask(width);
	u8 shift = high ? 8 : 0;

	if (width >= 4)
		cpu->gpr[reg] = value & mask;
	else
		cpu->gpr[reg] = (cpu->gpr[reg] & ~(mask << shift)) | (value & mask) << shift;
}

static inline u64 sign_extend(u64 v, u8 width)
{
	return width == 8 ? v : (u64)((s64)(v << (64 - 8 * width)) >> (64 - 8 * width));
}

/* SF, ZF, PF of a result. */
static u64 flags_of(u64 r, u8 width)
{
	u8 low = (u8)(r ^ r >> 4) & 0xf;
	u64 flags = 0;

	if (!(0x6996 >> low & 1)) /* bit n of it: n has an odd number of ones */
		flags |= FLAG_PF;
	if (!(r & width_mask(width)))
		flags |= FLAG_ZF;
	if (r >> (8 * width - 1) & 1)
		flags |= FLAG_SF;
	return flags;
}

static u64 add(u64 a, u64 b, bool carry, u8 width, u64 *flags)
{
	u64 r = (a + b + carry) & width_mask(width);
	u8 top = 8 * width - 1;

	*flags = flags_of(r, width);
	if (((a & b) | ((a | b) & ~r)) >> top & 1)
		*flags |= FLAG_CF;
	if (((a ^ r) & (b ^ r)) >> top & 1)
		*flags |= FLAG_OF;
	*flags |= (a ^ b ^ r) & FLAG_AF;
	return r;
}

static u64 sub(u64 a, u64 b, bool borrow, u8 width, u64 *flags)
{
	u64 r = (a - b - borrow) & width_mask(width);
	u8 top = 8 * width - 1;

	*flags = flags_of(r, width);
	if (((~a & b) | ((~a | b) & r)) >> top & 1)
		*flags |= FLAG_CF;
	if (((a ^ b) & (a ^ r)) >> top & 1)
		*flags |= FLAG_OF;
	*flags |= (a ^ b ^ r) & FLAG_AF;
	return r;
}

/*
 * One two-operand operation. Returns the result; *flags are the status flags it leaves, where a
 * flag the manual calls undefined is clear or kept.
 */
static u64 compute(enum insn_op op, u64 a, u64 b, u8 width, u64 *flags)
{
	u64 old = *flags, r = a;
	bool carry = old & FLAG_CF;

	a &= width_mask(width);
	b &= width_mask(width);
	switch (op) {
	case INSN_ADD:
		return add(a, b, false, width, flags);
	case INSN_ADC:
		return add(a, b, carry, width, flags);
	case INSN_SUB:
	case INSN_CMP:
		return sub(a, b, false, width, flags);
	case INSN_SBB:
		return sub(a, b, carry, width, flags);
	case INSN_NEG:
		return sub(0, a, false, width, flags);
	case INSN_INC:
		r = add(a, 1, false, width, flags);
		*flags = (*flags & ~(u64)FLAG_CF) | (old & FLAG_CF);
		return r;
	case INSN_DEC:
		r = sub(a, 1, false, width, flags);
		*flags = (*flags & ~(u64)FLAG_CF) | (old & FLAG_CF);
		return r;
	case INSN_AND:
	case INSN_TEST:
		r = a & b;
		*flags = flags_of(r, width);
		return r;
	case INSN_OR:
		r = a | b;
		*flags = flags_of(r, width);
		return r;
	case INSN_XOR:
		r = a ^ b;
		*flags = flags_of(r, width);
		return r;
	case INSN_NOT:
		return ~a & width_mask(width);
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		b = 1ull << (b & (8 * width - 1));
		*flags = (old & ~(u64)FLAG_CF) | (a & b ? FLAG_CF : 0);
		return op == INSN_BTS	? a | b
		       : op == INSN_BTR ? a & ~b
		       : op == INSN_BTC ? a ^ b
					: a;
	default: /* MOV, XCHG */
		return b;
	}
}

static bool reads_memory(enum insn_op op)
{
	return op != INSN_MOV;
}

static bool writes_memory(enum insn_op op)
{
	return op != INSN_CMP && op != INSN_TEST && op != INSN_BT;
}

static bool lockable(const struct insn *i)
{
	return i->form != INSN_FORM_LOAD && i->form != INSN_FORM_STRING && reads_memory(i->op) &&
	       writes_memory(i->op);
}

static u64 effective(const struct insn *i, const struct insn_cpu *cpu)
{
	u64 ea = i->disp;

	if (i->base != INSN_NO_REG)
		ea += cpu->gpr[i->base];
	if (i->index != INSN_NO_REG)
		ea += cpu->gpr[i->index] << i->scale;
	if (i->rip_relative)
		ea += cpu->rip + i->len;
	/* A bit offset in a register reaches beyond the operand (APM vol. 3, BT). */
	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->form == INSN_FORM_STORE) {
		s64 bit = (s64)sign_extend(reg_read(cpu, i->reg, 0, i->width), i->width);

		ea += (u64)(bit >> (i->width == 8 ? 6 : i->width == 4 ? 5 : 4)) * i->width;
	}
	return ea;
}

static u64 linear_of(const struct insn *i, const struct insn_cpu *cpu, u64 ea, u8 seg)
{
	u64 linear = cpu->seg_base[seg] + (ea & width_mask(i->addr_width));

	return i->mode == INSN_64 ? linear : linear & 0xffffffff;
}

u64 insn_linear(const struct insn *i, const struct insn_cpu *cpu)
{
	if (i->form != INSN_FORM_STRING)
		return linear_of(i, cpu, effective(i, cpu), i->seg);
	if (i->op == INSN_LODS)
		return linear_of(i, cpu, cpu->gpr[GPR_SI], i->seg);
	return linear_of(i, cpu, cpu->gpr[GPR_DI], SEG_ES);
}

static void retire(const struct insn *i, struct insn_cpu *cpu)
{
	cpu->rip += i->len;
	if (i->mode != INSN_64)
		cpu->rip &= 0xffffffff;
	cpu->rflags &= ~(u64)FLAG_RF;
}

static void set_status(struct insn_cpu *cpu, u64 flags)
{
	cpu->rflags = (cpu->rflags & ~(u64)FLAGS_STATUS) | (flags & FLAGS_STATUS);
}

/* What a string instruction does with its operands: read rSI, read rDI, write rDI. */
enum { READS_SI = 1, READS_DI = 2, WRITES_DI = 4 };

static u8 string_operands(enum insn_op op)
{
	switch (op) {
	case INSN_MOVS:
		return READS_SI | WRITES_DI;
	case INSN_CMPS:
		return READS_SI | READS_DI;
	case INSN_STOS:
		return WRITES_DI;
	case INSN_SCAS:
		return READS_DI;
	default: /* LODS */
		return READS_SI;
	}
}

/* One element of a string instruction; moves the index registers. */
static int string_element(const struct insn *i, struct insn_cpu *cpu, const struct insn_bus *bus)
{
	u64 step = cpu->rflags & FLAG_DF ? (u64)-i->width : i->width;
	u64 value = reg_read(cpu, GPR_AX, 0, i->width), other = 0, flags = 0;
	u64 di = linear_of(i, cpu, cpu->gpr[GPR_DI], SEG_ES);
	u8 operands = string_operands(i->op);
	int err;

	if (operands & READS_SI) {
		err = bus->read(bus->ctx, linear_of(i, cpu, cpu->gpr[GPR_SI], i->seg), i->width,
				&value);
		if (err)
			return err;
		value &= width_mask(i->width);
	}
	if (operands & READS_DI) {
		err = bus->read(bus->ctx, di, i->width, &other);
		if (err)
			return err;
		sub(value, other & width_mask(i->width), false, i->width, &flags);
		set_status(cpu, flags);
	}
	if (operands & WRITES_DI) {
		err = bus->write(bus->ctx, di, i->width, value);
		if (err)
			return err;
	}
	if (i->op == INSN_LODS)
		reg_write(cpu, GPR_AX, 0, i->width, value);
	if (operands & READS_SI)
		reg_write(cpu, GPR_SI, 0, i->addr_width, cpu->gpr[GPR_SI] + step);
	if (operands & (READS_DI | WRITES_DI))
		reg_write(cpu, GPR_DI, 0, i->addr_width, cpu->gpr[GPR_DI] + step);
	return OK;
}

/* REPE goes on while equal, REPNE while not; the other string instructions take both for REP. */
static bool rep_ends(const struct insn *i, const struct insn_cpu *cpu)
{
	bool equal = cpu->rflags & FLAG_ZF;

	return string_operands(i->op) & READS_DI && equal != (i->rep == 0xf3);
}

static int emulate_string(const struct insn *i, struct insn_cpu *cpu, const struct insn_bus *bus)
{
	int err;

	if (!i->rep) {
		err = string_element(i, cpu, bus);
		if (!err)
			retire(i, cpu);
		return err;
	}
	for (u32 n = 0; cpu->gpr[GPR_CX] & width_mask(i->addr_width); n++) {
		if (n == INSN_REP_BATCH)
			return OK;
		err = string_element(i, cpu, bus);
		if (err)
			return n ? OK : err;
		reg_write(cpu, GPR_CX, 0, i->addr_width, cpu->gpr[GPR_CX] - 1);
		if (rep_ends(i, cpu))
			break;
	}
	retire(i, cpu);
	return OK;
}

static int emulate_load(const struct insn *i, struct insn_cpu *cpu, const struct insn_bus *bus)
{
	u64 flags = cpu->rflags, value = 0, r;
	int err = bus->read(bus->ctx, insn_linear(i, cpu), i->width, &value);

	if (err)
		return err;
	value &= width_mask(i->width);
	if (i->op == INSN_MOVSX)
		value = sign_extend(value, i->width);
	if (i->op <= INSN_MOVSX) {
		reg_write(cpu, i->reg, i->reg_high, i->reg_width, value);
	} else {
		r = compute(i->op, reg_read(cpu, i->reg, i->reg_high, i->width), value, i->width,
			    &flags);
		if (i->op != INSN_CMP)
			reg_write(cpu, i->reg, i->reg_high, i->width, r);
		set_status(cpu, flags);
	}
	retire(i, cpu);
	return OK;
}

/* Memory is the destination, or is compared with. */
static int emulate_store(const struct insn *i, struct insn_cpu *cpu, const struct insn_bus *bus)
{
	u64 linear = insn_linear(i, cpu), flags = cpu->rflags, old = 0, r;
	u64 operand =
	    i->form == INSN_FORM_STORE ? reg_read(cpu, i->reg, i->reg_high, i->width) : i->imm;
	int err;

	if (reads_memory(i->op)) {
		err = bus->read(bus->ctx, linear, i->width, &old);
		if (err)
			return err;
	}
	r = compute(i->op, old, operand, i->width, &flags);
	if (writes_memory(i->op)) {
		err = bus->write(bus->ctx, linear, i->width, r & width_mask(i->width));
		if (err)
			return err;
	}
	if (i->op == INSN_XCHG)
		reg_write(cpu, i->reg, i->reg_high, i->width, old);
	set_status(cpu, flags);
	retire(i, cpu);
	return OK;
}

int insn_emulate(const struct insn *i, struct insn_cpu *cpu, const struct insn_bus *bus)
{
	if (i->op == INSN_OTHER || (i->lock && !lockable(i)))
		return ERR_UNSUPPORTED;
	if (i->form == INSN_FORM_STRING)
		return emulate_string(i, cpu, bus);
	return i->form == INSN_FORM_LOAD ? emulate_load(i, cpu, bus) : emulate_store(i, cpu, bus);
}
