/* Exits for port instructions: IN and OUT, and their string forms in batches. */
#include "core/vcpu/exit.h"

static u64 width_mask(u8 width)
{
	return width >= 8 ? ~0ull : (1ull << width * 8) - 1;
}

static void set_low(u64 *reg, u8 width, u64 value)
{
	/* A 32-bit result clears the upper half, shorter ones leave the rest (APM 1 §3.1.2). */
	if (width == 4)
		*reg = (u32)value;
	else
		*reg = (*reg & ~width_mask(width)) | (value & width_mask(width));
}

/* Linear access of up to 8 bytes to RAM; device memory is not a string port instruction's target. */
static int ram_access(struct vcpu *v, u64 linear, u8 width, bool write, u64 *value)
{
	for (u32 i = 0; i < width; i++) {
		gpa_t gpa;
		int err = vcpu_translate_data(v, linear + i, write, &gpa);

		if (err)
			return err;
		err = write ? guest_write(v->guest, gpa, (u8 *)value + i, 1)
			    : guest_read(v->guest, gpa, (u8 *)value + i, 1);
		if (err) {
			vcpu_inject_gp(v);
			return err;
		}
	}
	return OK;
}

/*
 * INS and OUTS, a batch of elements an exit; the instruction is entered again for the rest. Not every
 * processor tells the size of its addresses and its segment (APM 2 §15.10.2), so they are decoded.
 */
static __attribute__((noinline)) void exit_io_string(struct vcpu *v)
{
	const struct insn *i = vcpu_instruction(v);

	if (!i)
		return;
	u64 mask = width_mask(i->addr_width);
	u8 width = v->exit.io.width;
	bool in = v->exit.io.in;
	u64 *index = &v->gpr[in ? GPR_DI : GPR_SI];
	u64 step = v->rflags >> 10 & 1 ? 0 - (u64)width : width;
	u64 base = v->ops->seg_base(v, in ? SEG_ES : i->seg);

	for (u32 n = 0; n < INSN_REP_BATCH; n++) {
		u64 data = 0;
		u32 value = 0;
		gpa_t gpa;

		if (i->rep && !(v->gpr[GPR_CX] & mask))
			break;
		u64 linear = base + (*index & mask);

		if (!v->long_mode)
			linear = (u32)linear;
		/* What the port gives is gone once it is read: see first that there is room for it. */
		if (in && (vcpu_translate_data(v, linear, true, &gpa) ||
			   vcpu_translate_data(v, linear + width - 1u, true, &gpa)))
			return;
		if (!in && ram_access(v, linear, width, false, &data))
			return;
		value = (u32)data;
		platform_io(&v->guest->platform, v->id, v->exit.io.port, width, !in, &value);
		data = value;
		if (in && ram_access(v, linear, width, true, &data))
			return;
		set_low(index, i->addr_width, *index + step);
		if (!i->rep)
			break;
		set_low(&v->gpr[GPR_CX], i->addr_width, v->gpr[GPR_CX] - 1);
		if (n + 1 == INSN_REP_BATCH && (v->gpr[GPR_CX] & mask))
			return;
	}
	vcpu_skip(v, i->len);
}

void vcpu_exit_port(struct vcpu *v, u16 port, u8 width, bool in, u64 next_rip)
{
	/* Past it at once: no port looks at RIP, and nothing of the exit has to be kept meanwhile. */
	v->rip = v->long_mode ? next_rip : (u32)next_rip;
	v->moved = true;
	v->scratch.io = (u32)v->gpr[GPR_AX];
	platform_io(&v->guest->platform, v->id, port, width, !in, &v->scratch.io);
	if (in)
		set_low(&v->gpr[GPR_AX], width, v->scratch.io);
}

void exit_port(struct vcpu *v)
{
	if (v->exit.io.string)
		exit_io_string(v);
	else
		vcpu_exit_port(v, v->exit.io.port, v->exit.io.width, v->exit.io.in,
			       v->exit.io.next_rip);
}
