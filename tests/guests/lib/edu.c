#include "lib/edu.h"

#define DMA_SOURCE  0x80
#define DMA_TARGET  0x88
#define DMA_LENGTH  0x90
#define DMA_COMMAND 0x98
#define DMA_RUN	    1

static volatile u64 *reg64(const struct edu *e, u32 off)
{
	return (volatile u64 *)(e->regs + off);
}

void edu_open(struct edu *e)
{
	if (!pci_find(EDU_IDS, &e->place))
		fatal("there is no edu");
	pci_enable(e->place);
	e->regs = pci_bar(e->place, 0);
	EXPECT((mmio_read32(e->regs) & 0xffff) == 0xed, "edu is what it says");
}

void edu_dma(const struct edu *e, u64 from, u64 to, u32 length, u32 direction)
{
	*reg64(e, DMA_SOURCE) = from;
	*reg64(e, DMA_TARGET) = to;
	*reg64(e, DMA_LENGTH) = length;
	*reg64(e, DMA_COMMAND) = DMA_RUN | direction;
	if (!WAIT_FOR(!(*reg64(e, DMA_COMMAND) & DMA_RUN), 5000000))
		fatal("edu does not end its transfer");
}

void edu_load(const struct edu *e, const void *bytes, u32 length)
{
	memcpy((void *)EDU_SOURCE, bytes, length);
	barrier();
	edu_dma(e, EDU_SOURCE, EDU_BUFFER, length, 0);
}
