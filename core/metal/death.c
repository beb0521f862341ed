#include "core/base/abi_name.h"
#include "core/metal/death.h"
#include "core/port.h"

void death_report(const struct guest *g)
{
	for (u32 n = 0; n < g->ncpus; n++) {
		struct vcpu *v = &g->vcpus[n];

		port_log(LOG_WARN, "%s: cpu %u rip %#lx rflags %#lx cr0 %#lx cr3 %#lx cr4 %#lx",
			 g->name, n, (unsigned long)v->rip, (unsigned long)v->rflags,
			 (unsigned long)v->ops->read(v, VIRT_CR0),
			 (unsigned long)v->ops->read(v, VIRT_CR3), (unsigned long)v->view.cr4);
		port_log(
		    LOG_WARN,
		    "%s: cpu %u rax %lx rcx %lx rdx %lx rbx %lx rsp %lx rbp %lx rsi %lx rdi %lx",
		    g->name, n, (unsigned long)v->gpr[GPR_AX], (unsigned long)v->gpr[GPR_CX],
		    (unsigned long)v->gpr[GPR_DX], (unsigned long)v->gpr[GPR_BX],
		    (unsigned long)v->gpr[GPR_SP], (unsigned long)v->gpr[GPR_BP],
		    (unsigned long)v->gpr[GPR_SI], (unsigned long)v->gpr[GPR_DI]);
		for (u32 h = 4; h; h--) {
			const struct vcpu_history *e = vcpu_past_exit(v, h);

			if (e->cause)
				port_log(LOG_WARN, "%s: cpu %u exit %u before its end: %s at %#lx",
					 g->name, n, h - 1, exit_cause_name(e->cause - 1),
					 (unsigned long)e->rip);
		}
	}
}
