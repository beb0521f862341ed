/* AMD SVM (APM volume 2, chapter 15) behind struct virt_ops. */
#pragma once

#include "core/base/pool.h"
#include "core/metal/svm/vmcb.h"
#include "core/vcpu/virt.h"

extern const struct virt_ops svm_ops;

/* One vCPU's control block and what belongs to it. */
struct svm_vcpu {
	struct vmcb *vmcb;
	u64 vmcb_pa;
	bool nmi_masked; /* an NMI was injected and its IRET has not completed (without VNMI) */
	bool nmi_step;	 /* stepping one instruction until an NMI can be taken */
	u64 spec_ctrl;	 /* the guest's, while it is out */
};

/* What this processor offers; the same on all cores. Filled by svm_present(). */
struct svm_features {
	bool next_rip, vnmi, spec_ctrl, ibpb;
};
extern struct svm_features svm_features;

/* Permission maps, physical; the same for all workstations: they hold policy, no state. */
extern u64 svm_iopm, svm_msrpm_xapic, svm_msrpm_x2apic;

/* start.c */
bool svm_present(const char **why, const char **remedy);
enum pt_leaf_max svm_leaf_max(void);
__must_check int svm_core_start(struct cpu *c);
void svm_core_stop(struct cpu *c);

/* exit.c: fill v->exit from the VMCB where handle.h leaves it to this one. */
void svm_decode_rare(struct vcpu *v, struct svm_vcpu *s);

/* enter.S */
void svm_enter(u64 *gpr, u64 vmcb, u64 host);
