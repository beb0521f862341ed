/*
 * The last steps, in a page of their own: the image goes where the firmware's own code, data, stack
 * and page tables may have been until now, so nothing of that is used any more.
 *
 * handover(RCX = struct handover, see enter.c): page tables, stack, segments, entry.
 */
	.text
	.globl handover, handover_end
	.balign 16
handover:
	cli
	cld
	movq %rcx, %rbx
	movq 0(%rbx), %rax
	movq %rax, %cr3
	movq 8(%rbx), %rsp
	movq 32(%rbx), %rdx
	leaq 40(%rbx), %r8
1:	movq 0(%r8), %rdi		/* a segment: to, from, bytes, bytes of zeros behind */
	movq 8(%r8), %rsi
	movq 16(%r8), %rcx
	rep movsb
	movq 24(%r8), %rcx
	xorl %eax, %eax
	rep stosb
	addq $32, %r8
	decq %rdx
	jnz 1b
	movq 24(%rbx), %rdi
	jmpq *16(%rbx)
handover_end:

	.section .rdata, "dr"
	.globl elf_image, elf_image_end
	.balign 4096
elf_image:
	.incbin "build/efi/caprock.elf"
elf_image_end:

	/* What shim checks before it starts a program (shim's SBAT.md). */
	.section .sbat, "dr"
	.ascii "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
	.ascii "caprock,1,Caprock,caprock,1,https://caprock.invalid/\n"
