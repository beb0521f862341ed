/* Intel VMX (SDM volume 3, chapters 24 to 31) behind struct virt_ops. */
#pragma once

#include "core/base/pool.h"
#include "core/metal/vmx/insn.h"
#include "core/vcpu/virt.h"
#include "core/vmx/controls.h"

extern const struct virt_ops vmx_ops;

/* What vmx_enter() needs; its layout is known to enter.S. */
struct vmx_entry {
	u64 host_rsp; /* as the structure has it */
	const u32 *request;
	u32 launched;
};

enum vmx_how { VMX_EXITED, VMX_STAYED, VMX_FAILED };

/* PDPTES: paging has changed; PAE's four entries are ours to load. */
enum vmx_before { BEFORE_FLUSH_VPID = 1, BEFORE_FLUSH_EPT = 2, BEFORE_PDPTES = 4 };

/* One vCPU's control structure and what belongs to it. */
struct vmx_vcpu {
	u64 vmcs; /* physical */
	u64 eptp;
	struct vmx_entry entry;
	bool loaded;
	u8 stale;		  /* BEFORE_*: to do before the next entry */
	u64 rsp;		  /* as the structure has it */
	u64 cr0_mask;		  /* bits of CR0 the guest does not own */
	u32 proc, entry_controls; /* as the structure has them */
	u64 spec_ctrl;		  /* the guest's, while it is out */
	u64 last[VIRT_EFER + 1];  /* registers as they were at the end, when not loaded */
};

/* What this processor offers; the same on all cores. Filled by vmx_present(). */
struct vmx_features {
	struct vmx_controls controls;
	struct vmx_host host;
	struct vmx_leaks leaks;
	bool spec_ctrl, ibpb, tsc_aux, xsaves;
	u8 phys_bits;
};
extern struct vmx_features vmx_features;

/* MSR bitmaps, physical; the same for all workstations: they hold policy, no state. */
extern u64 vmx_bitmap_xapic, vmx_bitmap_x2apic;

/* One guest a core, so one will do; 0 is the hypervisor's. */
#define GUEST_VPID 1

/* start.c */
bool vmx_present(const char **why, const char **remedy);
__must_check int vmx_core_start(struct cpu *c);
void vmx_core_stop(struct cpu *c);
enum pt_leaf_max vmx_leaf_max(void);

/* state.c: the structure of a vCPU, from nothing, on its own core; and its whole state. */
void vmx_write_controls(struct vcpu *v, struct vmx_vcpu *s);
void vmx_write_host(struct vmx_vcpu *s);
void vmx_set_state(struct vcpu *v, const struct reset_state *r);
/* PAE's four entries, which the processor loads only with a MOV that it carries out itself. */
void vmx_load_pdptes(struct vcpu *v);

/* exit.c: fill v->exit from the structure, for exits that handle.h leaves over. */
void vmx_decode_rare(struct vcpu *v, struct vmx_vcpu *s, u32 reason);
/* The same when there was no entry: says in the log which field was wrong. */
void vmx_decode_failure(struct vcpu *v, struct vmx_vcpu *s, enum vmx_how how);

/* enter.S */
u32 vmx_enter(u64 *gpr, struct vmx_entry *e);
extern const char vmx_exit[], vmx_stay[], vmx_window_begin[], vmx_window_end[];
