/*
 * The seam between the shared handling of a guest's processors and the two ways of running them.
 * SVM and VMX each fill one struct virt_ops; nothing above it asks which one it is.
 */
#pragma once

#include "core/abi.h"
#include "core/base/err.h"
#include "core/base/pool.h"
#include "core/base/types.h"
#include "core/paging/paging.h"
#include "core/vcpu/insn.h"
#include "core/vcpu/lapic.h"
#include "core/vcpu/load.h"
#include "core/vcpu/reset.h"

struct cpu;
struct guest;
struct vcpu;

/* Why the last run ended, in terms both vendors have. What a cause does not name is undefined. */
struct vm_exit {
	enum exit_cause cause;
	u8 len; /* bytes of the instruction; 0: not known, decode it */
	union {
		struct {
			u16 port;
			u8 width;
			bool in, string; /* of a string instruction the rest is decoded */
			u64 next_rip;
		} io;
		struct {
			gpa_t gpa;
			bool write, fetch;
		} mmio;
		struct {
			u8 number;
			bool write;
		} cr;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
		} exception;
		struct {
			u64 code, info1, info2; /* raw, for messages */
		} raw;
	};
};

enum virt_reg { VIRT_CR0, VIRT_CR2, VIRT_CR3, VIRT_CR4, VIRT_EFER };

struct virt_ops {
	const char *name;
	const struct pt_format *format; /* of the second-level tables */

	/*
	 * Is it there and usable on this processor? Else *why and *remedy say in words what is
	 * wrong and which firmware switch helps.
	 */
	bool (*present)(const char **why, const char **remedy);
	/* The largest leaf of the second-level tables. */
	enum pt_leaf_max (*leaf_max)(void);

	/* Make the calling core able to run guests, and undo it, where it was done, before a reset. */
	__must_check int (*core_start)(struct cpu *c);
	void (*core_stop)(struct cpu *c);

	/* Control block of one vCPU, from the grant; then, on its own core, before the first run. */
	__must_check int (*vcpu_init)(struct vcpu *v, struct pool *grant);
	void (*vcpu_load)(struct vcpu *v);
	/* Leave the core as if nobody had been there: debug, speculation, FPU and segment state. */
	void (*vcpu_unload)(struct vcpu *v);

	/* Loaded: set the whole architectural state: INIT, start-up IPI, or a kernel's entry. */
	void (*set_state)(struct vcpu *v, const struct reset_state *s);

	/* With a vCPU loaded: halt until *request is not 0. The kick wakes it. */
	void (*sleep)(u32 *request);

	/*
	 * Run the guest while vcpu_enter() says so: enter, vcpu_left(), fill v->exit, gpr, rip,
	 * rflags, cr3 and long_mode, call vcpu_handle_exit() or what it stands for, again, until
	 * *request is not 0; just once where v->nmi_pending is not 0, so that an NMI that waits is
	 * offered after each exit. Where the handling set v->moved an instruction was carried out
	 * for the guest: rip and rflags are taken over, the interrupt shadow ends, and a single
	 * step is over.
	 */
	void (*run)(struct vcpu *v, const u32 *request);

	/* Not loaded: as it was when it was unloaded. */
	u64 (*read)(struct vcpu *v, enum virt_reg r);
	/* CR0, CR2, CR4, EFER as the guest gives them; what the hypervisor owns there is added here. */
	void (*write)(struct vcpu *v, enum virt_reg r, u64 value);
	enum insn_mode (*code_mode)(struct vcpu *v);
	u64 (*seg_base)(struct vcpu *v, enum insn_seg s);
	u8 (*cpl)(struct vcpu *v);
	void (*set_xcr0)(struct vcpu *v, u64 xcr0);

	/* Exception at the next entry. NMI: only while nmi_open(). */
	void (*inject)(struct vcpu *v, u8 vector, bool has_error, u32 error);
	bool (*nmi_open)(struct vcpu *v);
	void (*inject_nmi)(struct vcpu *v);
	/* Exit as soon as an NMI can be taken. */
	void (*want_nmi_window)(struct vcpu *v);

	/* The guest's APIC mode changed: which x2APIC registers are passed. */
	void (*set_apic_mode)(struct vcpu *v, enum lapic_mode mode);
	/* Second-level tables changed: forget cached translations before the next entry. */
	void (*flush)(struct vcpu *v);
};
