/*
 * u64 firmware_call(u64 function, const u64 args[5])
 *
 * A UEFI runtime service in physical mode (UEFI 2.10 §8.1, calling convention of §2.3.4): on the
 * entry's page tables, which show the image and everything below 4 GiB, and a stack in the image.
 * Interrupts are off, one core at a time.
 */
#include "core/metal/layout.h"

	.section .text
	.code64
	.globl firmware_call
firmware_call:
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	movq %cr3, %rbx			/* the callee keeps RBX, RBP, R12 to R15 in both conventions */
	movq %rdi, %rax
	movq %rsi, %r10
	movq $early_pml4 - IMAGE_BASE, %r11
	movq $firmware_stack_top - 48, %rdx
	movq 32(%r10), %rcx
	movq %rcx, 32(%rdx)
	movq %rdx, %rsp
	movq 0(%r10), %rcx		/* the arguments may lie on the caller's stack */
	movq 8(%r10), %rdx
	movq 16(%r10), %r8
	movq 24(%r10), %r9
	movq %r11, %cr3
	call *%rax
	movq %rbx, %cr3
	leaq -8(%rbp), %rsp
	popq %rbx
	popq %rbp
	ret

	.section .bss, "aw", @nobits
	.align 16
	.skip 8192			/* §8.1: 4 KiB or more */
firmware_stack_top:
	.section .note.GNU-stack, "", @progbits
