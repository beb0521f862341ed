/*
 * u32 vmx_enter(u64 gpr[16], struct vmx_entry *e)
 *
 * Load the guest's general registers and enter the structure that is loaded. RSP is in the
 * structure. Returns how it went: VMX_EXITED, VMX_STAYED or VMX_FAILED (vmx.h).
 *
 * An NMI is not held back here as GIF holds it back on AMD. One that comes after *e->request was
 * looked at and before the entry would be taken by the hypervisor, and the guest would run on. So
 * trap() moves an RIP in [vmx_window_begin, vmx_window_end) to vmx_stay; up to the entry itself the
 * stack is still that of this function.
 */
#include "core/metal/guest_regs.h"

#define HOST_RSP 0x6c14

	.section .text
	.code64
	.globl vmx_enter, vmx_exit, vmx_stay, vmx_window_begin, vmx_window_end
vmx_enter:
	host_push
	pushq %rdi
	cmpq %rsp, (%rsi)
	je 1f
	movq %rsp, (%rsi)
	movl $HOST_RSP, %eax
	vmwrite %rsp, %rax
1:	movq 8(%rsi), %rax
vmx_window_begin:
	cmpl $0, (%rax)
	jne vmx_stay
	cmpl $0, 16(%rsi)
	movq (%rdi), %rax
	guest_load
	je 2f
	vmresume
	jmp vmx_window_end
2:	vmlaunch
vmx_window_end:
	movl $2, %eax
	jmp vmx_leave

vmx_stay:
	movl $1, %eax
	jmp vmx_leave

vmx_exit:
	pushq %rdi
	movq 8(%rsp), %rdi
	movq %rax, (%rdi)
	guest_save
	fill_return_stack
	xorl %eax, %eax
vmx_leave:
	popq %rdi
	xorl %ecx, %ecx
	host_return
	.section .note.GNU-stack, "", @progbits
