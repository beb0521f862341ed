/*
 * The way in: PVH entry (32-bit protected mode, paging off, %ebx = hvm_start_info) to 64-bit C, the
 * trampoline of the other cores, and the 256 interrupt entries.
 */
#define CODE32 0x08
#define CODE64 0x10
#define DATA   0x18
#define TRAMPOLINE 0x8000

	.section .note.pvh, "a", @note
	.align 4
	.long 4, 8, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad entry32

	.section .text.entry, "ax"
	.code32
	.globl entry32
entry32:
	cli
	cld
	/* The time stamp of the first instructions, for the benchmark of the way here. */
	rdtsc
	movl %eax, entry_tsc
	movl %edx, entry_tsc + 4
	movl $bss_start, %edi		/* the loader zeroes it; a restart from a dirty image must not matter */
	movl $bss_end, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl %ebx, start_info
	movl $boot_stack_end, %esp

	/* Identity map of the first 16 GiB in 2 MiB pages. */
	movl $pdpt, %eax
	orl $7, %eax
	movl %eax, pml4
	movl $pd, %eax
	orl $7, %eax
	movl $pdpt, %edi
	movl $16, %ecx
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	loop 1b
	movl $pd, %edi
	xorl %edx, %edx			/* bits 63:32 */
	movl $0x87, %eax		/* present, writable, user, large */
	movl $(16 * 512), %ecx
2:	movl %eax, (%edi)
	movl %edx, 4(%edi)
	addl $8, %edi
	addl $0x200000, %eax
	adcl $0, %edx
	loop 2b

	movl $pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax		/* LME, NXE */
	wrmsr
	movl %cr0, %eax
	orl $0x80010021, %eax		/* PG, WP, NE, PE */
	andl $0x9fffffff, %eax		/* CD, NW off */
	movl %eax, %cr0
	lgdt boot_gdtr
	ljmp $CODE64, $3f
	.code64
3:	movw $DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movq $boot_stack_end, %rsp
	xorl %ebp, %ebp
	call guest_start
4:	cli
	hlt
	jmp 4b

/* ---- the other cores: real mode at TRAMPOLINE, started by SIPI ------------------------------- */

	.globl trampoline_start, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE + (trampoline_gdtr - trampoline_start)
	movl $0x20, %eax		/* PAE */
	movl %eax, %cr4
	movl TRAMPOLINE + (trampoline_cr3 - trampoline_start), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl $0x80010021, %eax
	movl %eax, %cr0
	ljmpl $CODE64, $ap_start64
	.align 4
trampoline_gdtr:
	.word gdt_end - gdt - 1
	.long gdt
	.globl trampoline_cr3
trampoline_cr3:
	.long pml4
trampoline_end:

	.code64
ap_start64:
	movw $DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movq ap_boot_stack, %rsp
	xorl %ebp, %ebp
	call ap_start
5:	cli
	hlt
	jmp 5b

/* ---- interrupts ------------------------------------------------------------------------------ */

	.text
	.globl isr_table
	.align 16
isr_table:
	.set vec, 0
	.rept 256
	.align 16
	.if (vec == 8) || ((vec >= 10) && (vec <= 14)) || (vec == 17) || (vec == 21) || (vec == 29) || (vec == 30)
	nop
	nop
	.else
	pushq $0
	.endif
	pushq $vec
	jmp isr_common
	.set vec, vec + 1
	.endr

isr_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap_dispatch
	.globl isr_return
isr_return:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

	.globl memcpy, memset, memmove, memcmp
memcpy:
	movq %rdi, %rax
	movq %rdx, %rcx
	rep movsb
	ret
memset:
	movq %rdi, %r8
	movl %esi, %eax
	movq %rdx, %rcx
	rep stosb
	movq %r8, %rax
	ret
memmove:
	movq %rdi, %rax
	movq %rdx, %rcx
	cmpq %rsi, %rdi
	jbe 6f
	leaq -1(%rdi, %rcx), %rdi
	leaq -1(%rsi, %rcx), %rsi
	std
	rep movsb
	cld
	ret
6:	rep movsb
	ret
memcmp:
	movq %rdx, %rcx
	xorl %eax, %eax
	testq %rcx, %rcx
	je 7f
	repe cmpsb
	je 7f
	movzbl -1(%rdi), %eax
	movzbl -1(%rsi), %ecx
	subl %ecx, %eax
7:	ret

	.data
	.align 8
	.globl gdt, gdt_end
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08 code32 */
	.quad 0x00af9b000000ffff	/* 0x10 code64 */
	.quad 0x00cf93000000ffff	/* 0x18 data */
	.quad 0x00affb000000ffff	/* 0x20 code64, ring 3 */
	.quad 0x00cff3000000ffff	/* 0x28 data, ring 3 */
gdt_end:
boot_gdtr:
	.word gdt_end - gdt - 1
	.long gdt
	.globl entry_tsc
	.align 8
entry_tsc:
	.quad 0

	.bss
	.align 4096
	.globl pml4, pd
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 16 * 4096
	.skip 16384
boot_stack_end:
	.globl start_info, ap_boot_stack
start_info: .skip 8
ap_boot_stack: .skip 8
	.section .note.GNU-stack, "", @progbits
