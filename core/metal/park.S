/*
 * void park_sleep(u32 *request): check, then halt, with interrupts off: only an NMI ends the halt.
 * An NMI between the check and the halt would be lost, so trap() moves an RIP in
 * [park_begin, park_end) to park_end.
 */
	.section .text
	.code64
	.globl park_sleep, park_begin, park_end
park_sleep:
park_begin:
	cmpl $0, (%rdi)
	jne park_end
	hlt
park_end:
	ret
	.section .note.GNU-stack, "", @progbits
