/*
 * A guest and its processors, as the exit handling sees them. Everything lies in the workstation's
 * grant. One core runs one vCPU; the fields other cores touch are marked.
 */
#pragma once

#include "core/abi.h"
#include "core/base/types.h"
#include "core/paging/paging.h"
#include "core/partition/plan.h"
#include "core/port.h"
#include "core/vcpu/cpuid.h"
#include "core/vcpu/lapic.h"
#include "core/vcpu/msr.h"
#include "core/vcpu/platform.h"
#include "core/vcpu/startup.h"
#include "core/vcpu/virt.h"

#define VCPU_INSN_CACHE 16
#define VCPU_HISTORY \
	16 /* entries, 256 bytes in all: the place of the next one is a byte that wraps */

/*
 * A decoded instruction of 64-bit code, good while the bytes at `place` are still those it was decoded
 * from.
 */
struct insn_cached {
	u64 rip, cr3;
	struct port_place place;
	u64 bytes[2];
	struct insn insn;
} __aligned(64);

struct vcpu_history {
	u64 rip;
	u64 cause; /* enum exit_cause, plus one; 0: none yet */
};

struct vcpu {
	u64 gpr[GPR_COUNT]; /* guest's, in ModRM order; must stay first (assembly) */
	u64 rip, rflags;
	u64 cr3;	/* at the exit */
	bool long_mode; /* at the exit: 64-bit code */
	bool moved;	/* the handling changed rip or rflags: the backend takes them over */
	struct vm_exit exit;
	const struct virt_ops *ops;
	void *hw; /* the backend's */
	struct guest *guest;
	u32 id; /* virtual APIC id */
	struct cpu *cpu;
	const struct port_windows *windows; /* of the core that runs it: vcpu_set_windows() */
	struct lapic *lapic;		    /* guest->lapics[id] */
	struct msr_cpu msr;
	struct startup startup; /* any core */
	u32 nmi_pending;	/* any core, atomic */
	u32 in_guest;		/* between vcpu_enter() and vcpu_left(); any core reads it */
	struct cpuid_vcpu view; /* APIC id, CR4 and XCR0 as the guest believes them to be */
	union {
		u32 cpuid[4]; /* an answer being made */
		u32 io;	      /* a value on its way to or from a port */
	} scratch;
	u32 signature;		  /* CPUID 1.EAX, for reset states */
	struct reset_state start; /* what a start or INIT gives it */
	u64 *exits;		  /* [EXIT_CAUSES] in the counters page */
	struct insn_cached insns[VCPU_INSN_CACHE];
	struct vcpu_history history[VCPU_HISTORY];
	u8 history_at; /* offset in bytes of the next entry in history[] */
};
_Static_assert(VCPU_HISTORY * sizeof(struct vcpu_history) == 256, "history_at wraps by itself");

/* The exit before last when n is 2, and so on, for n of 1..VCPU_HISTORY. cause is 0: there was none. */
static inline const struct vcpu_history *vcpu_past_exit(const struct vcpu *v, u32 n)
{
	return &v->history[(v->history_at / sizeof(v->history[0]) - n) % VCPU_HISTORY];
}

/* What a vCPU's exit, or a device, wants of the whole workstation. */
enum guest_event {
	GUEST_RESET, /* reset port or ACPI reset register */
	GUEST_TRIPLE_FAULT,
	GUEST_POWER_OFF,
	GUEST_FAILED, /* it cannot go on; the log says why */
};

struct guest_ops {
	/* Asks the host core to stop (and restart) the workstation; the calling vCPU leaves soon. */
	void (*event)(struct guest *g, struct vcpu *v, enum guest_event e);
};

struct guest {
	const char *name;
	u32 index;
	const struct guest_ops *ops;
	u32 ncpus, nram;
	struct vcpu *vcpus;
	struct lapic *lapics;
	const struct plan_ram *ram;
	struct pt second_level;
	struct cpuid_table cpuid;
	struct msr_workstation msr;
	struct platform platform;
	bool incoherent;   /* a device of its own may reach memory past the caches */
	u64 write_back_at; /* port_time_ns() up to which its WBINVDs are used up; any core, atomic */
	void *hw;	   /* the backend's */
	struct counters_workstation *counters;
};

/*
 * Around each entry: a core that changed second-level tables sets its request first and then looks at
 * in_guest; so either it sees that this core is inside and waits, or this core sees the request.
 */
static inline bool vcpu_enter(struct vcpu *v, const u32 *request)
{
	__atomic_fetch_add(&v->in_guest, 1, __ATOMIC_SEQ_CST); /* 0 before: one instruction */
	if (!__atomic_load_n(request, __ATOMIC_SEQ_CST))
		return true;
	__atomic_store_n(&v->in_guest, 0, __ATOMIC_RELEASE);
	return false;
}

static inline void vcpu_left(struct vcpu *v)
{
	__atomic_store_n(&v->in_guest, 0, __ATOMIC_RELEASE);
}

/* Handle v->exit. Afterwards the caller looks at requests and enters again. */
void vcpu_handle_exit(struct vcpu *v);

/*
 * The same for the causes that speed depends on, for a backend that has just found out which one it
 * is: vcpu_note_exit(), then the cause's own function, which does not look at v->exit.cause. It
 * saves the indirect call.
 */
static inline void vcpu_note_exit(struct vcpu *v, enum exit_cause cause)
{
	struct vcpu_history *h = (void *)((u8 *)v->history + v->history_at);

	h->rip = v->rip;
	h->cause = cause + 1;
	v->history_at += sizeof(*h);
	v->exits[cause]++;
}
void vcpu_exit_cpuid(struct vcpu *v);
void vcpu_exit_msr_read(struct vcpu *v);
void vcpu_exit_msr_write(struct vcpu *v);	    /* EXIT_IPI and EXIT_APIC, too */
void vcpu_exit_apic_write(struct vcpu *v, u32 reg); /* the same for MSR 800h + reg, reg < 100h */

#define VCPU_MSR_APIC_BASE 0x1b
#define VCPU_MSR_X2APIC	   0x800 /* 100h registers */

/* WRMSR: notes the exit by its cause, and handles it. */
static inline void vcpu_exit_wrmsr(struct vcpu *v)
{
	u32 msr = (u32)v->gpr[GPR_CX], reg = msr - VCPU_MSR_X2APIC;

	if (reg < 0x100) {
		vcpu_note_exit(v, reg == LAPIC_ICR ? EXIT_IPI : EXIT_APIC);
		vcpu_exit_apic_write(v, reg);
	} else {
		vcpu_note_exit(v, msr == VCPU_MSR_APIC_BASE ? EXIT_APIC : EXIT_MSR_WRITE);
		vcpu_exit_msr_write(v);
	}
}
/* EXIT_IO but for string instructions: IN and OUT, with what would be in v->exit.io. */
void vcpu_exit_port(struct vcpu *v, u16 port, u8 width, bool in, u64 next_rip);
void vcpu_exit_mmio(struct vcpu *v);

/* Move past the instruction that exited, `len` bytes. */
static inline void vcpu_skip(struct vcpu *v, u32 len)
{
	v->rip += len;
	if (!v->long_mode)
		v->rip = (u32)v->rip;
	v->moved = true;
}

void vcpu_inject_gp(struct vcpu *v);
void vcpu_inject_ud(struct vcpu *v);

/* Host memory behind guest RAM: good up to the end of its 2 MiB. NULL: not RAM. */
void *guest_memory(const struct guest *g, gpa_t gpa);

/*
 * Copy to or from guest RAM. ERR_RANGE, with nothing done beyond the first byte that is not RAM,
 * when it leaves RAM.
 */
__must_check int guest_read(const struct guest *g, gpa_t gpa, void *dst, u64 n);
__must_check int guest_write(const struct guest *g, gpa_t gpa, const void *src, u64 n);

/* The windows of the core that is going to run it. What was decoded through others' is forgotten. */
void vcpu_set_windows(struct vcpu *v, const struct port_windows *w);

/*
 * What was decoded at RIP the last time, if it is that still: it is checked against the bytes in
 * memory, so a guest that rewrites its code is decoded anew. A guest that puts another page at the
 * same address without changing CR3 can fool it, with no effect on anybody but itself.
 */
static inline const struct insn *vcpu_known_instruction(const struct vcpu *v)
{
	const struct insn_cached *e = &v->insns[v->rip / 2 % VCPU_INSN_CACHE];

	if (e->rip == v->rip && e->cr3 == v->cr3 && v->long_mode && port_place_shown(&e->place)) {
		const u64 *now = e->place.at;

		if (now[0] == e->bytes[0] && now[1] == e->bytes[1])
			return &e->insn;
	}
	return NULL;
}

/*
 * The decoded instruction at RIP, NULL when it cannot be fetched (the guest will see its own fault
 * when it is entered again) or decoded (#UD has been injected).
 */
const struct insn *vcpu_instruction(struct vcpu *v);
/* Its bytes, up to 15. Returns how many there are. */
size_t vcpu_fetch(struct vcpu *v, u8 out[INSN_MAX]);

/* Translate a linear address of the guest as it stands, whoever asks. */
__must_check int vcpu_translate(struct vcpu *v, u64 linear, gpa_t *out);

/*
 * Translate for a data access made on the guest's behalf, with the rights it has now. On an error
 * the guest's own exception has been injected: give the instruction up.
 */
__must_check int vcpu_translate_data(struct vcpu *v, u64 linear, bool write, gpa_t *out);
