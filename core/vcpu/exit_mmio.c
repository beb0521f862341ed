/* Exits for addresses without memory behind them: an instruction that reaches for a device. */
#include "core/base/mem.h"
#include "core/port.h"
#include "core/vcpu/exit.h"

#define APIC_PAGE APIC_BASE_ADDRESS

struct access {
	struct vcpu *v;
	bool one; /* the instruction has one memory operand: the one that exited */
};

static int device_access(struct vcpu *v, gpa_t gpa, u8 width, bool write, u64 *value)
{
	if (align_down(gpa.v, PAGE_SIZE) == APIC_PAGE) {
		u32 offset = (u32)(gpa.v - APIC_PAGE);
		int err = write ? lapic_mmio_write(v->lapic, offset, width, *value)
				: lapic_mmio_read(v->lapic, offset, width, value);

		if (!err)
			return OK;
	}
	platform_mmio(&v->guest->platform, v->id, gpa, width, write, value);
	return OK;
}

static int access(struct access *a, u64 linear, u8 width, bool write, u64 *value)
{
	struct vcpu *v = a->v;
	gpa_t gpa;

	if ((linear & (PAGE_SIZE - 1)) + width > PAGE_SIZE) {
		for (u32 i = 0; i < width; i++) {
			u64 byte = *value >> i * 8 & 0xff;
			int err = access(a, linear + i, 1, write, &byte);

			if (err)
				return err;
			if (!write)
				*value = (*value & ~(0xffull << i * 8)) | (byte & 0xff) << i * 8;
		}
		return OK;
	}
	if (a->one && !((linear ^ v->exit.mmio.gpa.v) & (PAGE_SIZE - 1))) {
		gpa = v->exit.mmio.gpa;
	} else {
		int err = vcpu_translate_data(v, linear, write, &gpa);

		if (err)
			return err;
	}
	void *ram = guest_memory(v->guest, gpa);

	if (!ram)
		return device_access(v, gpa, width, write, value);
	if (write) {
		memcpy(ram, value, width);
	} else {
		*value = 0;
		memcpy(value, ram, width);
	}
	return OK;
}

static int bus_read(void *ctx, u64 linear, u8 width, u64 *value)
{
	*value = 0;
	return access(ctx, linear, width, false, value);
}

static int bus_write(void *ctx, u64 linear, u8 width, u64 value)
{
	return access(ctx, linear, width, true, &value);
}

void vcpu_exit_mmio(struct vcpu *v)
{
	const struct insn *i;

	if (v->exit.mmio.fetch) {
		port_log(LOG_WARN, "%s: cpu %u executes at %#lx, where there is no memory; stopped",
			 v->guest->name, v->id, (unsigned long)v->exit.mmio.gpa.v);
		v->guest->ops->event(v->guest, v, GUEST_FAILED);
		return;
	}
	i = vcpu_instruction(v);
	if (!i)
		return;

	struct insn_cpu cpu = {.gpr = v->gpr, .rip = v->rip, .rflags = v->rflags};

	if (i->mode != INSN_64) {
		for (u32 s = 0; s < SEG_COUNT; s++)
			cpu.seg_base[s] = v->ops->seg_base(v, s);
	} else if (i->seg == SEG_FS || i->seg == SEG_GS) {
		cpu.seg_base[i->seg] = v->ops->seg_base(v, i->seg);
	}

	/*
	 * Of two operands either may be the one that exited: translate both then. The elements of
	 * one batch of a string instruction never share an offset in the page.
	 */
	struct access a = {.v = v, .one = !insn_two_operands(i)};
	const struct insn_bus bus = {bus_read, bus_write, &a};

	int err = insn_emulate(i, &cpu, &bus);

	if (err == ERR_UNSUPPORTED) {
		port_log(LOG_WARN,
			 "%s: cpu %u: an instruction at %#lx accesses device memory at %#lx "
			 "in a way no device needs; #UD",
			 v->guest->name, v->id, (unsigned long)v->rip,
			 (unsigned long)v->exit.mmio.gpa.v);
		vcpu_inject_ud(v);
		return;
	}
	if (err)
		return; /* its own exception has been injected */
	u64 next = cpu.rip;

	v->rflags = cpu.rflags;
	vcpu_skip(v, (u32)(next - v->rip));
}
