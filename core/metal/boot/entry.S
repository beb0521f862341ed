/*
 * Three entries, one way up: early page tables (identity below 4 GiB and the image where it is
 * linked), long mode, the boot stack, then boot_main(source, info).
 *
 *   entry_pvh         32-bit, paging off, EBX = hvm_start_info         (Xen PVH ABI)
 *   entry_multiboot2  32-bit, paging off, EAX = magic, EBX = info      (multiboot2 §3.3)
 *   entry_efi         64-bit, identity-mapped, RDI = struct boot_info  (our PE program)
 */
#include "core/metal/layout.h"

#define PHYS(sym) ((sym) - IMAGE_BASE)
#define MULTIBOOT2_BOOT_MAGIC 0x36d76289

	.section .note.Xen, "a", @note
	.align 4
	.long 4, 8, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad PHYS(entry_pvh)

	.section .multiboot2, "ax"
	.align 8
mb2_header:
	.long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + 0 + (mb2_end - mb2_header))
	.align 8
	.short 3, 0			/* entry address, 32-bit i386 state */
	.long 12
	.long PHYS(entry_multiboot2)
	.align 8
	.short 6, 0			/* modules page-aligned */
	.long 8
	.align 8
	.short 5, 1			/* framebuffer, optional: any size, 32 bits */
	.long 20, 0, 0, 32
	.align 8
	.short 0, 0
	.long 8
mb2_end:

	.section .text.entry, "ax"
	.code32
	.globl entry_multiboot2
entry_multiboot2:
	cmpl $MULTIBOOT2_BOOT_MAGIC, %eax
	jne halt32
	movl $1, %esi
	jmp start32

	.globl entry_pvh
entry_pvh:
	xorl %esi, %esi
start32:
	cli
	cld
	movl %ebx, %edi
	rdtsc
	movl %eax, PHYS(boot_tsc)
	movl %edx, PHYS(boot_tsc) + 4
	movl %edi, %ebp

	/* A processor without long mode cannot say more than this on the debug port. */
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb halt32
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc halt32

	movl $PHYS(early_pml4), %edi
	movl $PHYS(early_pdpt) + 3, %eax
	movl %eax, (%edi)
	movl %eax, 0xff8(%edi)
	movl $PHYS(early_pdpt), %edi
	movl $PHYS(early_pd) + 3, %eax
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	loop 1b
	movl $PHYS(early_pd) + 3, %eax	/* IMAGE_BASE is entry 510 of the last level-3 table */
	movl %eax, PHYS(early_pdpt) + 510 * 8
	movl $PHYS(early_pd), %edi
	movl $0x83, %eax		/* present, writable, 2 MiB */
	movl $2048, %ecx
2:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	loop 2b

	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl $PHYS(early_pml4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax		/* LME, NXE */
	wrmsr
	movl %cr0, %eax
	andl $~0x6000000c, %eax		/* caches on, no x87 traps (CD, NW, TS, EM) */
	orl $0x80010023, %eax		/* PG, WP, NE, MP, PE */
	movl %eax, %cr0
	lgdt PHYS(early_gdt_pointer)
	ljmp $SEL_CODE64, $PHYS(start64)

halt32:
	hlt
	jmp halt32

	.code64
start64:
	movl %esi, %esi
	movl %ebp, %ebp
start64_common:
	movw $SEL_DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movabsq $boot_stack_top, %rsp
	movq %rsi, %rdi
	movq %rbp, %rsi
	xorl %ebp, %ebp
	pushq $0
	movabsq $boot_main, %rax
	jmp *%rax

	/* UEFI left us in long mode on its own tables, interrupts off; ours are filled the same way. */
	.globl entry_efi
entry_efi:
	cli
	cld
	movq %rdi, %rbp
	leaq early_pml4(%rip), %rdi
	leaq early_pdpt + 3(%rip), %rax
	movq %rax, (%rdi)
	movq %rax, 0xff8(%rdi)
	leaq early_pdpt(%rip), %rdi
	leaq early_pd + 3(%rip), %rax
	movl $4, %ecx
1:	movq %rax, (%rdi)
	addq $8, %rdi
	addq $4096, %rax
	loop 1b
	leaq early_pd + 3(%rip), %rax
	movq %rax, early_pdpt + 510 * 8(%rip)
	leaq early_pd(%rip), %rdi
	movl $0x83, %eax
	movl $2048, %ecx
2:	movq %rax, (%rdi)
	addq $8, %rdi
	addq $0x200000, %rax
	loop 2b
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax
	wrmsr
	leaq early_pml4(%rip), %rax
	movq %rax, %cr3
	movq $0x20, %rax		/* PAE and nothing else of the firmware's choices */
	movq %rax, %cr4
	movq %cr0, %rax
	andl $~0x6000000c, %eax
	orl $0x80010023, %eax
	movq %rax, %cr0
	lgdt early_gdt_pointer(%rip)
	movl $2, %esi
	pushq $SEL_CODE64
	leaq start64_common(%rip), %rcx
	pushq %rcx
	lretq

	/*
	 * Application processors: start in real mode in a copy of this code below 1 MiB, take the
	 * early tables to long mode, then the tables, stack and function that smp.c left in
	 * ap_boot_*.
	 */
	.globl ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl ap_gdt_pointer - ap_trampoline
	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl $PHYS(early_pml4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl %cr0, %eax
	andl $~0x6000000c, %eax
	orl $0x80010023, %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE64, $PHYS(ap_start64)
	.align 8
ap_gdt_pointer:
	.word early_gdt_end - early_gdt - 1
	.long PHYS(early_gdt)
ap_trampoline_end:

	.code64
ap_start64:
	movw $SEL_DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movabsq $1f, %rax
	jmp *%rax
1:	movq ap_boot_cr3(%rip), %rax
	movq %rax, %cr3
	movq ap_boot_stack(%rip), %rsp
	movq ap_boot_cpu(%rip), %rdi
	xorl %ebp, %ebp
	pushq $0
	jmp ap_main

	.section .data.early, "aw"
	.align 16
early_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
	.quad 0x00cf9b000000ffff	/* 32-bit code */
early_gdt_end:
early_gdt_pointer:
	.word early_gdt_end - early_gdt - 1
	.quad PHYS(early_gdt)
	.globl boot_tsc, ap_boot_cr3, ap_boot_stack, ap_boot_cpu
	.align 8
boot_tsc:	.quad 0
ap_boot_cr3:	.quad 0
ap_boot_stack:	.quad 0
ap_boot_cpu:	.quad 0

	.section .bss.early, "aw", @nobits
	.globl early_pml4
	.align 4096
early_pml4:	.skip 4096
early_pdpt:	.skip 4096
early_pd:	.skip 4 * 4096
boot_stack:	.skip 16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
