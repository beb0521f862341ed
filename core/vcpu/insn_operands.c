/* What an instruction does to memory, for those that insn_emulate() knows: see insn.h. */
#include "core/vcpu/insn.h"
#include "core/vcpu/insn_decode.h"
#include "core/vcpu/insn_table.h"

/* What ModRM.reg makes of a group opcode with a memory operand; INSN_OTHER if not emulated. */
static void name_group(struct insn_decoder *d, enum group group)
{
	static const u8 group_3[8] = {INSN_TEST, INSN_TEST, INSN_NOT, INSN_NEG};
	static const u8 group_4[8] = {INSN_INC, INSN_DEC};
	static const u8 group_8[8] = {[4] = INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC};
	static const u8 group_11[8] = {INSN_MOV};
	struct insn *i = d->out;
	u8 reg = (d->modrm >> 3) & 7;

	i->width = d->opsize;
	i->form = INSN_FORM_IMM;
	switch (group) {
	case GROUP_1_8:
		i->width = 1;
		__attribute__((fallthrough));
	case GROUP_1:
		i->op = INSN_ADD + reg;
		break;
	case GROUP_3_8:
		i->width = 1;
		__attribute__((fallthrough));
	case GROUP_3:
		i->op = group_3[reg];
		if (i->op != INSN_TEST)
			i->form = INSN_FORM_UNARY;
		break;
	case GROUP_4:
		i->width = 1;
		__attribute__((fallthrough));
	case GROUP_5:
		i->op = group_4[reg];
		i->form = INSN_FORM_UNARY;
		break;
	case GROUP_8:
		i->op = group_8[reg];
		break;
	case GROUP_11_8:
		i->width = 1;
		__attribute__((fallthrough));
	case GROUP_11:
		i->op = group_11[reg];
		break;
	}
}

/* The operand of ModRM.reg. */
static void name_register(struct insn_decoder *d, u8 width)
{
	struct insn *i = d->out;

	i->reg = ((d->modrm >> 3) & 7) | (d->rex & REX_R ? 8 : 0);
	i->reg_width = width;
	if (width == 1 && !d->has_rex && i->reg >= 4) {
		i->reg -= 4;
		i->reg_high = 1;
	}
}

void insn_name_operands(struct insn_decoder *d, const struct opcode *o)
{
	struct insn *i = d->out;

	if (o->shape & OPC_MODRM && d->modrm >> 6 == 3)
		return;
	i->op = o->op;
	i->width = d->opsize;
	switch ((enum operands)o->args) {
	case ARGS_NONE:
		break;
	case ARGS_STORE_8:
	case ARGS_LOAD_8:
		i->width = 1;
		__attribute__((fallthrough));
	case ARGS_STORE:
	case ARGS_LOAD:
		i->form = o->args == ARGS_STORE || o->args == ARGS_STORE_8 ? INSN_FORM_STORE
									   : INSN_FORM_LOAD;
		name_register(d, i->width);
		break;
	case ARGS_EXTEND_8:
	case ARGS_EXTEND_16:
	case ARGS_EXTEND_32:
		i->form = INSN_FORM_LOAD;
		name_register(d, d->opsize);
		i->reg_high = 0;
		i->width = o->args == ARGS_EXTEND_8 ? 1 : o->args == ARGS_EXTEND_16 ? 2 : 4;
		if (o->args != ARGS_EXTEND_32)
			break;
		/* ARPL; and with a 16-bit register the width read differs between processors. */
		if (d->mode != INSN_64 || d->opsize < 4)
			i->op = INSN_OTHER;
		break;
	case ARGS_MOFFS_LOAD_8:
	case ARGS_MOFFS_STORE_8:
		i->width = 1;
		__attribute__((fallthrough));
	case ARGS_MOFFS_LOAD:
	case ARGS_MOFFS_STORE:
		i->form = o->args == ARGS_MOFFS_LOAD || o->args == ARGS_MOFFS_LOAD_8
			      ? INSN_FORM_LOAD
			      : INSN_FORM_STORE;
		i->reg = GPR_AX;
		i->reg_width = i->width;
		/* The address is unsigned, whatever its size. */
		i->disp =
		    d->addr_width == 8 ? i->imm : i->imm & ((1ull << (8 * d->addr_width)) - 1);
		break;
	case ARGS_STRING_8:
		i->width = 1;
		__attribute__((fallthrough));
	case ARGS_STRING:
		i->form = INSN_FORM_STRING;
		i->reg = GPR_AX;
		i->reg_width = i->width;
		break;
	case ARGS_NONTEMPORAL:
		i->form = INSN_FORM_STORE;
		name_register(d, i->width);
		if (d->has_66 || d->rep || i->width < 4)
			i->op = INSN_OTHER;
		break;
	case ARGS_GROUP:
		name_group(d, (enum group)o->op);
		break;
	}
}
