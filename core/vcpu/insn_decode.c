/* Length and operands of one instruction: see insn.h. */
#include "core/vcpu/insn.h"
#include "core/vcpu/insn_decode.h"
#include "core/vcpu/insn_table.h"

static inline bool left(const struct insn_decoder *d, size_t n)
{
	return (size_t)(d->end - d->p) >= n;
}

/* n little-endian bytes, sign-extended. The caller has checked that they are there. */
static u64 take(struct insn_decoder *d, u8 n)
{
	u64 v = 0;

	for (u8 i = 0; i < n; i++)
		v |= (u64)d->p[i] << (8 * i);
	d->p += n;
	if (n < 8 && n && v >> (8 * n - 1))
		v |= ~0ull << (8 * n);
	return v;
}

static void take_prefix(struct insn_decoder *d, u8 b)
{
	if (b == 0x66) {
		d->has_66 = true;
	} else if (b == 0x67) {
		d->has_67 = true;
	} else if (b == 0xf0) {
		d->out->lock = 1;
	} else if (b == 0xf2 || b == 0xf3) {
		d->rep = b;
	} else if (b == 0x64 || b == 0x65) {
		d->out->seg = b == 0x64 ? SEG_FS : SEG_GS;
		d->has_seg = true;
	} else if (d->mode != INSN_64) {
		/* ES, CS, SS, DS: 26h, 2Eh, 36h, 3Eh; ignored in 64-bit mode */
		d->out->seg = (b >> 3) & 3;
		d->has_seg = true;
	}
}

static int take_prefixes(struct insn_decoder *d)
{
	for (;; d->p++) {
		if (!left(d, 1))
			return ERR_RANGE;

		u8 b = *d->p;

		if (d->mode == INSN_64 && (b & 0xf0) == 0x40) {
			d->rex = b & 0xf;
			d->has_rex = true;
		} else if (insn_one_byte[b].shape & OPC_PREFIX) {
			/* REX counts only next to the opcode (APM vol. 3 §1.2.7). */
			d->rex = 0;
			d->has_rex = false;
			take_prefix(d, b);
		} else {
			return OK;
		}
	}
}

static void size_operands(struct insn_decoder *d)
{
	static const u8 opsize[3][2] = {{2, 4}, {4, 2}, {4, 2}};
	static const u8 addr[3][2] = {{2, 4}, {4, 2}, {8, 4}};

	d->opsize = d->rex & REX_W ? 8 : opsize[d->mode][d->has_66];
	d->addr_width = addr[d->mode][d->has_67];
}

static int take_modrm_16(struct insn_decoder *d, u8 mod, u8 rm)
{
	static const u8 bases[8] = {GPR_BX, GPR_BX, GPR_BP, GPR_BP, GPR_SI, GPR_DI, GPR_BP, GPR_BX};
	static const u8 indexes[8] = {GPR_SI,	   GPR_DI,	GPR_SI,	     GPR_DI,
				      INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};
	u8 disp = mod == 1 ? 1 : mod == 2 ? 2 : 0;

	d->out->base = bases[rm];
	d->out->index = indexes[rm];
	if (mod == 0 && rm == 6) {
		d->out->base = INSN_NO_REG;
		disp = 2;
	}
	if (!left(d, disp))
		return ERR_RANGE;
	d->out->disp = take(d, disp);
	if (d->out->base == GPR_BP && !d->has_seg)
		d->out->seg = SEG_SS;
	return OK;
}

/* ModRM, SIB and displacement (APM vol. 3 §1.4). Leaves the memory operand in *out. */
static int take_modrm(struct insn_decoder *d)
{
	struct insn *i = d->out;

	if (!left(d, 1))
		return ERR_RANGE;
	d->modrm = *d->p++;

	u8 mod = d->modrm >> 6, rm = d->modrm & 7, disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (mod == 3)
		return OK;
	if (d->addr_width == 2)
		return take_modrm_16(d, mod, rm);
	if (rm == 4) {
		if (!left(d, 1))
			return ERR_RANGE;

		u8 sib = *d->p++;
		u8 index = ((sib >> 3) & 7) | (d->rex & REX_X ? 8 : 0);

		i->scale = sib >> 6;
		i->index = index == GPR_SP ? INSN_NO_REG : index;
		rm = sib & 7;
		if (mod == 0 && rm == GPR_BP)
			disp = 4;
		else
			i->base = rm | (d->rex & REX_B ? 8 : 0);
	} else if (mod == 0 && rm == GPR_BP) {
		i->rip_relative = d->mode == INSN_64;
		disp = 4;
	} else {
		i->base = rm | (d->rex & REX_B ? 8 : 0);
	}
	if (!left(d, disp))
		return ERR_RANGE;
	i->disp = take(d, disp);
	if ((i->base == GPR_SP || i->base == GPR_BP) && !d->has_seg)
		i->seg = SEG_SS;
	return OK;
}

static int take_immediate(struct insn_decoder *d, u8 kind)
{
	u8 z = d->opsize == 2 ? 2 : 4, n = 0;

	switch ((enum imm_kind)kind) {
	case IMM_NONE:
		return OK;
	case IMM_8:
		n = 1;
		break;
	case IMM_16:
		n = 2;
		break;
	case IMM_Z:
		n = z;
		break;
	case IMM_V:
		n = d->opsize;
		break;
	case IMM_16_8:
		n = 3;
		break;
	case IMM_FAR:
		n = z + 2;
		break;
	case IMM_MOFFS:
		n = d->addr_width;
		break;
	case IMM_NEAR:
		/* Intel ignores the prefix in 64-bit mode, AMD does not. */
		if (d->mode == INSN_64 && d->opsize == 2)
			return ERR_UNSUPPORTED;
		n = z;
		break;
	}
	if (!left(d, n))
		return ERR_RANGE;
	d->out->imm = take(d, n);
	return OK;
}

/* One-byte map, and after 0Fh the second, with what their tables cannot say. */
static int decode_legacy(struct insn_decoder *d)
{
	const struct opcode *o;
	bool two = false;
	u8 b = *d->p++, imm;
	int err;

	if (b == 0x0f) {
		if (!left(d, 1))
			return ERR_RANGE;
		two = true;
		b = *d->p++;
		o = &insn_two_byte[b];
		if (b == 0x38 || b == 0x3a) {
			if (!left(d, 1))
				return ERR_RANGE;
			d->p++;
			err = take_modrm(d);
			return err ? err : take_immediate(d, b == 0x3a ? IMM_8 : IMM_NONE);
		}
		if (b == 0xff)
			return ERR_UNSUPPORTED;
		if (b == 0xb8 && d->rep != 0xf3)
			return ERR_INVAL;
	} else {
		o = &insn_one_byte[b];
	}
	if (!(o->shape & OPC_VALID) || (o->shape & OPC_NO64 && d->mode == INSN_64))
		return ERR_INVAL;
	imm = o->shape & OPC_IMM;
	if (o->shape & OPC_MODRM) {
		if (two && b >= 0x20 && b <= 0x23) {
			/* MOV to and from CRn, DRn: mod is ignored (APM vol. 3 §1.4.2). */
			if (!left(d, 1))
				return ERR_RANGE;
			d->modrm = *d->p++ | 0xc0;
		} else {
			err = take_modrm(d);
			if (err)
				return err;
		}
		if (!two && (b & 0xfe) == 0xf6 && (d->modrm & 0x30) == 0)
			imm = b == 0xf6 ? IMM_8 : IMM_Z; /* TEST alone of its group */
		if (two && b == 0x78 && (d->has_66 || d->rep == 0xf2))
			imm = IMM_16; /* EXTRQ, INSERTQ: two bytes */
	}
	err = take_immediate(d, imm);
	if (!err && o->args)
		insn_name_operands(d, o);
	return err;
}

/* The part after a VEX, EVEX or XOP prefix: opcode, ModRM, perhaps an immediate. */
static int decode_vector(struct insn_decoder *d, u8 map, bool vex)
{
	u8 imm = IMM_NONE, b;
	int err;

	if (!left(d, 1))
		return ERR_RANGE;
	b = *d->p++;
	switch (map) {
	case 1:
		if (!(insn_vex_map1[b / 32] >> (b % 32) & 1))
			return ERR_INVAL;
		if (vex && b == 0x77) /* VZEROUPPER, VZEROALL */
			return OK;
		imm = insn_two_byte[b].shape & OPC_IMM;
		break;
	case 2:
	case 9: /* XOP */
		break;
	case 3:
	case 8: /* XOP */
		imm = IMM_8;
		break;
	case 5: /* EVEX only: AVX512-FP16 */
	case 6:
		if (vex)
			return ERR_UNSUPPORTED;
		break;
	case 10: /* XOP: a 32-bit immediate whatever the operand size */
		err = take_modrm(d);
		if (err)
			return err;
		return left(d, 4) ? (d->p += 4, OK) : ERR_RANGE;
	default:
		return ERR_UNSUPPORTED;
	}
	err = take_modrm(d);
	return err ? err : take_immediate(d, imm);
}

/*
 * VEX, EVEX and XOP prefixes. *taken tells whether the bytes at d->p are one; outside of 64-bit
 * mode C4h, C5h and 62h are LES, LDS and BOUND unless the next byte would name a register.
 */
static int decode_prefixed(struct insn_decoder *d, bool *taken)
{
	u8 b = *d->p, next;
	u8 map;

	*taken = false;
	if (b != 0xc4 && b != 0xc5 && b != 0x62 && b != 0x8f)
		return OK;
	if (!left(d, 2))
		return ERR_RANGE;
	next = d->p[1];
	if (b == 0x8f) {
		if ((next & 0x38) == 0)
			return OK; /* POP */
		if ((next & 0x1f) < 8)
			return ERR_INVAL;
	} else if (d->mode != INSN_64 && next >> 6 != 3) {
		return OK;
	}
	*taken = true;
	if (d->has_rex || d->has_66 || d->rep || d->out->lock)
		return ERR_INVAL;
	switch (b) {
	case 0xc5:
		d->p += 2;
		return decode_vector(d, 1, true);
	case 0x62:
		if (!left(d, 4))
			return ERR_RANGE;
		/* These two bits are constant but for extensions not known here. */
		if (next & 0x08 || !(d->p[2] & 0x04))
			return ERR_UNSUPPORTED;
		d->p += 4;
		return decode_vector(d, next & 7, false);
	default:
		if (!left(d, 3))
			return ERR_RANGE;
		map = next & 0x1f;
		d->p += 3;
		if (b == 0xc4 && map > 3)
			return ERR_UNSUPPORTED;
		return decode_vector(d, map, true);
	}
}

int insn_decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *out)
{
	struct insn_decoder d = {
	    .p = bytes,
	    .end = bytes + (n < INSN_MAX ? n : INSN_MAX),
	    .out = out,
	    .mode = mode,
	};
	bool taken;
	int err;

	*out =
	    (struct insn){.mode = mode, .seg = SEG_DS, .base = INSN_NO_REG, .index = INSN_NO_REG};
	err = take_prefixes(&d);
	if (err)
		return err;
	size_operands(&d);
	out->addr_width = d.addr_width;
	err = decode_prefixed(&d, &taken);
	if (!err && !taken)
		err = decode_legacy(&d);
	if (err)
		return err;
	out->rep = d.rep;
	out->len = (u8)(d.p - bytes);
	return OK;
}
