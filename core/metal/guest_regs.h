/*
 * Assembler only: what both backends do with general registers around a guest's run. RDI points at
 * gpr[16] in ModRM order. RSP lies in the control block of either, RAX in SVM's.
 */

/* All but RAX and RSP, RDI itself last; no flag changes. */
.macro guest_load
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
.endm

/* The same back, with the guest's RDI on top of the stack, which it leaves; RAX is lost. */
.macro guest_save
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
.endm

/*
 * Fill the top of the return stack buffer, so that no return of ours is predicted from what the
 * guest left there: returns go no more than two frames above the caller of this (the backend's run,
 * run_vcpu) before vcpu_unload() issues an IBPB, and four entries are written.
 */
.macro fill_return_stack
	.rept 4
	call 1f
	int3
1:
	.endr
	addq $32, %rsp
.endm

.macro host_push
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
.endm

/* Clear what still holds guest values and go home. RAX, RCX and RDI are the caller's business. */
.macro host_return
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
.endm
