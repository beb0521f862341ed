#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/cpu.h"
#include "core/metal/idt.h"
#include "core/metal/layout.h"
#include "core/metal/vmx/vmx.h"
#include "core/port.h"
#include "core/vcpu/vcpu.h"

#define MSR_PAT		   0x277
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081 /* then LSTAR CSTAR SFMASK */
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX_MSR	   0xc0000103

#define CR0_TS	  (1ull << 3)
#define CR0_MP	  (1ull << 1)
#define CR0_EM	  (1ull << 2)
#define CR0_WP	  (1ull << 16)
#define CR0_AM	  (1ull << 18)
#define CR0_PG	  (1ull << 31)
#define CR4_PAE	  (1ull << 5)
#define EFER_LMA  (1ull << 10)
#define PDPTE_BAD 0x1e6ull /* reserved bits of a present one, below the address */

/* #DB and #AC so that their endless handlers can be left, #MC because it is ours. */
#define EXCEPTIONS (1u << 1 | 1u << 17 | 1u << 18)

void vmx_write_controls(struct vcpu *v, struct vmx_vcpu *s)
{
	const struct vmx_controls *k = &vmx_features.controls;

	s->proc = k->proc;
	s->entry_controls = k->entry;
	/* What switches caches, paging or mode is looked at; task switching and alignment are not. */
	s->cr0_mask = ~(CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM);
	vmwrite(VMCS_PIN_CONTROLS, k->pin);
	vmwrite(VMCS_PROC_CONTROLS, s->proc);
	vmwrite(VMCS_PROC2_CONTROLS, k->proc2);
	vmwrite(VMCS_EXIT_CONTROLS, k->exit);
	vmwrite(VMCS_ENTRY_CONTROLS, s->entry_controls);
	vmwrite(VMCS_EXCEPTIONS, EXCEPTIONS);
	vmwrite(VMCS_PF_MASK, 0);
	vmwrite(VMCS_PF_MATCH, 0);
	vmwrite(VMCS_CR3_TARGETS, 0);
	vmwrite(VMCS_EXIT_MSR_STORE, 0);
	vmwrite(VMCS_EXIT_MSR_LOAD, 0);
	vmwrite(VMCS_ENTRY_MSR_LOAD, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmwrite(VMCS_TSC_OFFSET, 0);
	vmwrite(VMCS_VPID, GUEST_VPID);
	vmwrite(VMCS_EPT_POINTER, s->eptp);
	vmwrite(VMCS_MSR_BITMAP, vmx_bitmap_xapic);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	vmwrite(VMCS_CR0_MASK, s->cr0_mask);
	vmwrite(VMCS_CR4_MASK, ~0ull);
	if (k->proc2 & PROC2_XSAVES)
		vmwrite(VMCS_XSS_BITMAP, 0); /* XSS is 0: there is nothing to exit for */
	if (k->proc2 & PROC2_ENCLS_EXIT)
		vmwrite(VMCS_ENCLS_BITMAP, ~0ull);
}

struct descriptor_pointer {
	u16 limit;
	u64 base;
} __packed;

/* What an exit gives back to the core that runs the vCPU now. */
void vmx_write_host(struct vmx_vcpu *s)
{
	struct descriptor_pointer gdt, idt;
	struct cpu *c = this_cpu();

	asm volatile("sgdt %0; sidt %1" : "=m"(gdt), "=m"(idt));
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(VMCS_HOST_CS, SEL_CODE64);
	vmwrite(VMCS_HOST_SS, SEL_DATA);
	vmwrite(VMCS_HOST_DS, SEL_DATA);
	vmwrite(VMCS_HOST_ES, SEL_DATA);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, SEL_TSS);
	vmwrite(VMCS_HOST_FS_BASE, 0);
	vmwrite(VMCS_HOST_GS_BASE, (u64)c);
	vmwrite(VMCS_HOST_TR_BASE, (u64)&c->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, gdt.base);
	vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
	vmwrite(VMCS_HOST_RIP, (u64)vmx_exit);
	s->entry.host_rsp = 0;
}

/* Access rights as VMX has them: what reset.h keeps in bits 11:8 lies in 15:12 (§25.4.1). */
static u32 rights(const struct reset_segment *s)
{
	u32 a = (s->attrib & 0xffu) | (s->attrib & 0xf00u) << 4;

	return a & RIGHTS_P ? a : a | RIGHTS_UNUSABLE;
}

/* Segments lie 2 apart in each of their four groups of fields. */
static void write_segment(u32 selector, const struct reset_segment *s)
{
	u32 offset = selector - VMCS_GUEST_ES;

	vmwrite(selector, s->selector);
	vmwrite(VMCS_GUEST_ES_LIMIT + offset, s->limit);
	vmwrite(VMCS_GUEST_ES_RIGHTS + offset, rights(s));
	vmwrite(VMCS_GUEST_ES_BASE + offset, s->base);
}

/* Registers that are in no control structure: the guest's lie in the processor, in and out. */
static void write_registers(const struct reset_state *r)
{
	asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3; mov %4, %%dr6"
		     :
		     : "r"(r->dr[0]), "r"(r->dr[1]), "r"(r->dr[2]), "r"(r->dr[3]), "r"(r->dr6));
	write_cr2(r->cr2);
	for (u32 i = 0; i < 4; i++)
		wrmsr(MSR_STAR + i, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	if (vmx_features.tsc_aux)
		wrmsr(MSR_TSC_AUX_MSR, 0);
	if (read_cr4() >> 18 & 1)
		write_xcr0(r->xcr0);
}

void vmx_set_state(struct vcpu *v, const struct reset_state *r)
{
	struct vmx_vcpu *s = v->hw;

	memcpy(v->gpr, r->gpr, sizeof(v->gpr));
	v->rip = r->rip;
	v->rflags = r->rflags;
	v->moved = false;
	v->view.xcr0 = r->xcr0;
	v->view.cr4 = r->cr4;
	s->rsp = r->gpr[GPR_SP];
	s->spec_ctrl = 0;
	write_registers(r);
	vmwrite(VMCS_GUEST_RSP, s->rsp);
	vmwrite(VMCS_GUEST_RIP, r->rip);
	vmwrite(VMCS_GUEST_RFLAGS, r->rflags);
	vmwrite(VMCS_GUEST_CR3, r->cr3);
	vmwrite(VMCS_GUEST_DR7, (u32)r->dr7);
	vmwrite(VMCS_GUEST_PAT, r->pat);
	vmwrite(VMCS_GUEST_DEBUGCTL, 0);
	vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
	vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
	vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
	for (u32 i = 0; i < SEG_COUNT; i++)
		write_segment(VMCS_GUEST_ES + 2 * i, &r->seg[i]);
	write_segment(VMCS_GUEST_LDTR, &r->ldtr);
	write_segment(VMCS_GUEST_TR, &r->tr);
	vmwrite(VMCS_GUEST_GDTR_BASE, r->gdtr.base);
	vmwrite(VMCS_GUEST_GDTR_LIMIT, r->gdtr.limit);
	vmwrite(VMCS_GUEST_IDTR_BASE, r->idtr.base);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, r->idtr.limit);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	v->ops->write(v, VIRT_EFER, r->efer);
	v->ops->write(v, VIRT_CR0, r->cr0);
	v->ops->write(v, VIRT_CR4, r->cr4);
}

/*
 * A processor raises #GP at the MOV that turns PAE paging on with an entry it cannot use; here that
 * MOV is over, the entry counts as absent, and the first access through it faults.
 */
void vmx_load_pdptes(struct vcpu *v)
{
	u64 cr3 = vmread(VMCS_GUEST_CR3), entry[4];

	if (!(vmread(VMCS_GUEST_CR0) & CR0_PG) || !(vmread(VMCS_GUEST_CR4) & CR4_PAE) ||
	    vmread(VMCS_GUEST_EFER) & EFER_LMA)
		return;
	if (guest_read(v->guest, GPA(cr3 & 0xffffffe0), entry, sizeof(entry)))
		memset(entry, 0, sizeof(entry));
	for (u32 i = 0; i < 4; i++) {
		if (entry[i] & 1 && (entry[i] & PDPTE_BAD || entry[i] >> vmx_features.phys_bits))
			entry[i] = 0;
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, entry[i]);
	}
}
