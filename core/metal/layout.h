/*
 * The hypervisor's own address space. Everything here is private to core/metal.
 *
 *   IMAGE_BASE  + pa   the ELF image (text RX, rodata R, data RW NX)
 *   DIRECT_BASE + pa   hypervisor-owned memory only: heap, grants, bundle (RW NX); sparse, so a
 *                      stray pointer to guest memory faults instead of reading it
 *   STACK_BASE         one slot a core, guard pages between its stacks
 *   WINDOW_BASE        one slot a core, through which it reaches guest memory, briefly
 *   MMIO_BASE          device registers, uncached
 */
#pragma once

#define IMAGE_BASE  0xffffffff80000000
#define DIRECT_BASE 0xffff800000000000
#define STACK_BASE  0xfffffe0000000000
#define WINDOW_BASE 0xffffff0000000000
#define MMIO_BASE   0xffffff8000000000

/* Segment selectors of every core's GDT. */
#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18
#define SEL_TSS	   0x20

/* A core's stack slot: [guard | main 16K | guard | NMI | guard | #DF | guard | #MC]. */
#define STACK_SLOT	0x20000
#define STACK_MAIN_SIZE 0x4000
#define STACK_IST_SIZE	0x1000
#define STACK_MAIN	0x1000
#define STACK_NMI	0x6000
#define STACK_DF	0x8000
#define STACK_MC	0xa000

/* Interrupt vectors of the host core. */
#define VECTOR_WAKE	0xf0
#define VECTOR_TIMER	0xf1
#define VECTOR_IOMMU	0xf2
#define VECTOR_SPURIOUS 0xff
