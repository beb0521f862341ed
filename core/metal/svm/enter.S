/*
 * void svm_enter(u64 gpr[16], u64 vmcb, u64 host)
 *
 * Load the guest's general registers, VMLOAD and VMRUN `vmcb` (physical); on the way back VMSAVE it
 * and VMLOAD the host's hidden segment state from `host` (physical). GIF is 0 before and after, so
 * nothing comes in between but exceptions of our own making. RAX and RSP are in the VMCB.
 *
 * On the way back the top of the return stack buffer is filled, so that no return of ours is
 * predicted from what the guest left there: returns go no more than two frames above this function
 * (svm_run, run_vcpu) before vcpu_unload() issues an IBPB, and four entries are written. Registers that
 * still hold guest values are cleared.
 */
	.section .text
	.code64
	.globl svm_enter
svm_enter:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdx
	pushq %rdi
	movq %rsi, %rax
	movq 8(%rdi), %rcx
	movq 16(%rdi), %rdx
	movq 24(%rdi), %rbx
	movq 40(%rdi), %rbp
	movq 48(%rdi), %rsi
	movq 64(%rdi), %r8
	movq 72(%rdi), %r9
	movq 80(%rdi), %r10
	movq 88(%rdi), %r11
	movq 96(%rdi), %r12
	movq 104(%rdi), %r13
	movq 112(%rdi), %r14
	movq 120(%rdi), %r15
	movq 56(%rdi), %rdi
	vmload %rax
	vmrun %rax
	vmsave %rax
	pushq %rdi
	movq 8(%rsp), %rdi
	movq %rcx, 8(%rdi)
	movq %rdx, 16(%rdi)
	movq %rbx, 24(%rdi)
	movq %rbp, 40(%rdi)
	movq %rsi, 48(%rdi)
	movq %r8, 64(%rdi)
	movq %r9, 72(%rdi)
	movq %r10, 80(%rdi)
	movq %r11, 88(%rdi)
	movq %r12, 96(%rdi)
	movq %r13, 104(%rdi)
	movq %r14, 112(%rdi)
	movq %r15, 120(%rdi)
	popq %rax
	movq %rax, 56(%rdi)
	popq %rdi
	popq %rax
	vmload %rax
	.rept 4
	call 1f
	int3
1:
	.endr
	addq $32, %rsp
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.section .note.GNU-stack, "", @progbits
