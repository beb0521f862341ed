/*
 * A boot sector that plays desktop for a hypervisor's console: 640x480 in colour, painted anew by
 * the space bar. Every byte of the keyboard goes to COM1 as 'K' and the byte, every state of the
 * absolute pointer (VMware's backdoor) as 'M', buttons, x and y (16 bits, little-endian).
 */
	.code16
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	$0xff, %al		/* the firmware's handlers must not take the bytes */
	outb	%al, $0x21
	outb	%al, $0xa1
	movw	$0x4f02, %ax		/* VBE: mode 0x142, 640x480x32, banked */
	movw	$0x0142, %bx
	int	$0x10

	movl	$0x45414552, %ebx	/* the pointer: who are you, then absolute */
	movw	$41, %cx
	call	backdoor
	movl	$1, %ebx
	movw	$39, %cx
	call	backdoor
	movl	$0x53424152, %ebx
	movw	$41, %cx
	call	backdoor

paint:
	xorw	%dx, %dx		/* bank after bank of 64 KiB */
1:	movw	$0x4f05, %ax
	xorw	%bx, %bx
	int	$0x10
	pushw	$0xa000
	popw	%es
	xorw	%di, %di
2:	movw	%di, %ax		/* shades across, stripes down, grain in places */
	shrw	$4, %ax
	addb	%dl, %ah
	testw	$0x0300, %di
	jnz	3f
	imulw	$0x4e35, %di, %ax
3:	addw	seed, %ax
	stosw
	testw	%di, %di
	jnz	2b
	incw	%dx
	cmpw	$19, %dx
	jb	1b
	addw	$0x3517, seed
	movb	$'P', %al
	call	say

look:
	inb	$0x64, %al
	testb	$1, %al
	jz	pointer
	testb	$0x20, %al
	inb	$0x60, %al
	jnz	look			/* the other mouse's */
	movb	%al, %bl
	movb	$'K', %al
	call	say
	movb	%bl, %al
	call	say
	cmpb	$0x39, %bl
	je	paint
	jmp	look

pointer:
	movw	$40, %cx
	call	backdoor
	cmpw	$4, %ax
	jb	look
	movl	$4, %ebx
	movw	$39, %cx
	call	backdoor
	pushw	%cx
	pushw	%bx
	movb	%al, %bl
	movb	$'M', %al
	call	say
	movb	%bl, %al
	call	say
	popw	%bx
	call	say_word
	popw	%bx
	call	say_word
	jmp	look

say_word:
	movb	%bl, %al
	call	say
	movb	%bh, %al
say:					/* al to COM1 */
	pushw	%dx
	pushw	%ax
	movw	$0x3fd, %dx
1:	inb	%dx, %al
	testb	$0x20, %al
	jz	1b
	popw	%ax
	movw	$0x3f8, %dx
	outb	%al, %dx
	popw	%dx
	ret

backdoor:				/* command cx, argument ebx */
	movl	$0x564d5868, %eax
	movzwl	%cx, %ecx
	movw	$0x5658, %dx
	inl	%dx, %eax
	ret

seed:	.word	0
	.org	510
	.word	0xaa55
