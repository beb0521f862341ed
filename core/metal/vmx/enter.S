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
 *
 * On the way back the top of the return stack buffer is filled, so that no return of ours is
 * predicted from what the guest left there: returns go no more than two frames above this function
 * (vmx_run, run_vcpu) before vcpu_unload() issues an IBPB, and four entries are written. Registers
 * that still hold guest values are cleared.
 */
#define HOST_RSP 0x6c14

	.section .text
	.code64
	.globl vmx_enter, vmx_exit, vmx_stay, vmx_window_begin, vmx_window_end
vmx_enter:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
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
	je 2f
	vmresume
	jmp vmx_window_end
2:	vmlaunch
vmx_window_end:
	movl $2, %eax
	addq $8, %rsp
	jmp vmx_leave

vmx_stay:
	movl $1, %eax
	addq $8, %rsp
	jmp vmx_leave

vmx_exit:
	pushq %rdi
	movq 8(%rsp), %rdi
	movq %rax, (%rdi)
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
	.rept 4
	call 1f
	int3
1:
	.endr
	addq $32, %rsp
	xorl %eax, %eax
vmx_leave:
	xorl %ecx, %ecx
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
