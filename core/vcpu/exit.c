#include "core/base/mem.h"
#include "core/port.h"
#include "core/vcpu/vcpu.h"

#define CR4_PAE	    (1ull << 5)
#define CR4_MCE	    (1ull << 6)
#define CR4_LA57    (1ull << 12)
#define CR4_PCIDE   (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)
#define EFER_LMA    (1ull << 10)
#define APIC_PAGE   APIC_BASE_ADDRESS

enum { VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_MC = 18 };

void vcpu_inject_gp(struct vcpu *v)
{
	v->ops->inject(v, VECTOR_GP, true, 0);
}

void vcpu_inject_ud(struct vcpu *v)
{
	v->ops->inject(v, VECTOR_UD, false, 0);
}

/* Past an instruction without operands; its length may include prefixes. */
static __attribute__((noinline)) void skip_unknown_instruction(struct vcpu *v)
{
	const struct insn *i = vcpu_instruction(v);

	if (i)
		vcpu_skip(v, i->len);
}

static __attribute__((noinline)) void skip_instruction(struct vcpu *v)
{
	const struct insn *i;

	if (v->exit.len)
		vcpu_skip(v, v->exit.len);
	else if ((i = vcpu_known_instruction(v)))
		vcpu_skip(v, i->len);
	else
		skip_unknown_instruction(v);
}

static inline void answer_cpuid(struct vcpu *v, const u32 out[4])
{
	v->gpr[GPR_AX] = out[CPUID_EAX];
	v->gpr[GPR_BX] = out[CPUID_EBX];
	v->gpr[GPR_CX] = out[CPUID_ECX];
	v->gpr[GPR_DX] = out[CPUID_EDX];
	skip_instruction(v);
}

static __attribute__((noinline)) void look_up_cpuid(struct vcpu *v)
{
	u32 *out = v->scratch.cpuid;

	cpuid_lookup(&v->guest->cpuid, &v->view, (u32)v->gpr[GPR_AX], (u32)v->gpr[GPR_CX], out);
	answer_cpuid(v, out);
}

void vcpu_exit_cpuid(struct vcpu *v)
{
	const struct cpuid_entry *e = cpuid_fixed(&v->guest->cpuid, (u32)v->gpr[GPR_AX]);

	if (e)
		answer_cpuid(v, e->out);
	else
		look_up_cpuid(v);
}

void vcpu_exit_msr_read(struct vcpu *v)
{
	u64 value;

	if (msr_read(&v->msr, (u32)v->gpr[GPR_CX], &value)) {
		vcpu_inject_gp(v);
		return;
	}
	v->gpr[GPR_AX] = (u32)value;
	v->gpr[GPR_DX] = value >> 32;
	skip_instruction(v);
}

void vcpu_exit_msr_write(struct vcpu *v)
{
	u64 value = v->gpr[GPR_DX] << 32 | (u32)v->gpr[GPR_AX];

	if (msr_write(&v->msr, (u32)v->gpr[GPR_CX], value))
		vcpu_inject_gp(v);
	else
		skip_instruction(v);
}

/* Straight to the local APIC: a busy guest exits for nothing else. */
void vcpu_exit_apic_write(struct vcpu *v, u32 reg)
{
	u64 value = v->gpr[GPR_DX] << 32 | (u32)v->gpr[GPR_AX];

	if (lapic_msr_write(v->lapic, reg, value)) {
		v->msr.refused++;
		vcpu_inject_gp(v);
		return;
	}
	skip_instruction(v);
}

/* ---- ports ----------------------------------------------------------------------------------- */

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

static void exit_io(struct vcpu *v)
{
	if (v->exit.io.string)
		exit_io_string(v);
	else
		vcpu_exit_port(v, v->exit.io.port, v->exit.io.width, v->exit.io.in,
			       v->exit.io.next_rip);
}

/* ---- device memory --------------------------------------------------------------------------- */

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

/* ---- control registers, caches, exceptions --------------------------------------------------- */

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

#define CR0_PE	 (1ull << 0)
#define CR0_MP	 (1ull << 1)
#define CR0_EM	 (1ull << 2)
#define CR0_TS	 (1ull << 3)
#define CR0_ET	 (1ull << 4)
#define CR0_NW	 (1ull << 29)
#define CR0_CD	 (1ull << 30)
#define CR0_PG	 (1ull << 31)
#define EFER_LME (1ull << 8)

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

static void exit_cr(struct vcpu *v)
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

static void exit_xsetbv(struct vcpu *v)
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
	skip_instruction(v);
}

/*
 * The caches hold what neighbours work with, too: one workstation writes them back so often and no more,
 * which costs the others a few per cent at worst, after as many at once as a start of Linux may want.
 */
#define WRITE_BACK_PERIOD_NS 50000000ull
#define WRITE_BACK_BURST     32

/* May one of the guest's cores write back now? write_back_at runs ahead of time by what was used up. */
static bool take_write_back(struct guest *g)
{
	u64 now = port_time_ns(), at = __atomic_load_n(&g->write_back_at, __ATOMIC_RELAXED);

	if (at > now + (WRITE_BACK_BURST - 1) * WRITE_BACK_PERIOD_NS)
		return false;
	return __atomic_compare_exchange_n(&g->write_back_at, &at,
					   max_u64(at, now) + WRITE_BACK_PERIOD_NS, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/*
 * INVD and WBINVD. Where all DMA is coherent they have nothing to do. INVD never runs: it would throw away
 * what others wrote. Before its time a WBINVD is not passed: the guest is entered in front of it again,
 * takes its interrupts there, and comes back.
 */
static void exit_cache(struct vcpu *v)
{
	if (v->guest->incoherent) {
		if (!take_write_back(v->guest))
			return;
		port_cache_flush_all();
	}
	skip_instruction(v);
}

/*
 * #DB and #AC are intercepted so that a handler that raises them again without end cannot keep the
 * core from the kick (CVE-2015-5307, CVE-2015-8104); they are the guest's all the same.
 */
static void exit_exception(struct vcpu *v)
{
	if (v->exit.exception.vector == VECTOR_MC) {
		port_log(LOG_ERROR,
			 "%s: cpu %u took a machine check at %#lx; the workstation is stopped. "
			 "Look at the machine's event log for the failing part",
			 v->guest->name, v->id, (unsigned long)v->rip);
		v->guest->ops->event(v->guest, v, GUEST_FAILED);
		return;
	}
	v->ops->inject(v, v->exit.exception.vector, v->exit.exception.has_error,
		       v->exit.exception.error);
}

static void exit_shutdown(struct vcpu *v)
{
	v->guest->ops->event(v->guest, v, GUEST_TRIPLE_FAULT);
}

static void exit_other(struct vcpu *v)
{
	port_log(
	    LOG_ERROR,
	    "%s: cpu %u left its guest for a reason nobody handles: %s exit %#lx, info %#lx %#lx",
	    v->guest->name, v->id, v->ops->name, (unsigned long)v->exit.raw.code,
	    (unsigned long)v->exit.raw.info1, (unsigned long)v->exit.raw.info2);
	v->guest->ops->event(v->guest, v, GUEST_FAILED);
}

/* The kick and the window after IRET: the run loop looks at what is asked for. */
static void exit_nothing(struct vcpu *v)
{
}

static void (*const handlers[EXIT_CAUSES])(struct vcpu *v) = {
    [EXIT_CPUID] = vcpu_exit_cpuid,
    [EXIT_MSR_READ] = vcpu_exit_msr_read,
    [EXIT_MSR_WRITE] = vcpu_exit_msr_write,
    [EXIT_IPI] = vcpu_exit_msr_write,
    [EXIT_APIC] = vcpu_exit_msr_write,
    [EXIT_IO] = exit_io,
    [EXIT_MMIO] = vcpu_exit_mmio,
    [EXIT_CR] = exit_cr,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_CACHE] = exit_cache,
    [EXIT_EXCEPTION] = exit_exception,
    [EXIT_NMI] = exit_nothing,
    [EXIT_IRET] = exit_nothing,
    [EXIT_REFUSED] = vcpu_inject_ud,
    [EXIT_SHUTDOWN] = exit_shutdown,
    [EXIT_OTHER] = exit_other,
};

void vcpu_handle_exit(struct vcpu *v)
{
	enum exit_cause cause = v->exit.cause;

	vcpu_note_exit(v, cause);
	handlers[cause](v);
}
