/*
 * void svm_enter(u64 gpr[16], u64 vmcb, u64 host)
 *
 * Load the guest's general registers, VMLOAD and VMRUN `vmcb` (physical); on the way back VMSAVE it
 * and VMLOAD the host's hidden segment state from `host` (physical). GIF is 0 before and after, so
 * nothing comes in between but exceptions of our own making. RAX and RSP are in the VMCB.
 */
#include "core/metal/guest_regs.h"

	.section .text
	.code64
	.globl svm_enter
svm_enter:
	host_push
	pushq %rdx
	pushq %rdi
	movq %rsi, %rax
	guest_load
	vmload %rax
	vmrun %rax
	vmsave %rax
	pushq %rdi
	movq 8(%rsp), %rdi
	guest_save
	popq %rdi
	popq %rax
	vmload %rax
	fill_return_stack
	host_return
	.section .note.GNU-stack, "", @progbits
