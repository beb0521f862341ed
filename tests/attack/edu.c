/* QEMU's edu device (docs/specs/edu.rst): a buffer of 4 KiB at 40000h and a DMA engine. */
#include "attack.h"

#define EDU_RAISE   0x60
#define EDU_ACK	    0x64
#define EDU_STATUS  0x24
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_LEN 0x90
#define EDU_DMA_CMD 0x98
#define EDU_BUFFER  0x40000
#define EDU_RUN	    1
#define EDU_TO_RAM  2
#define TRANSFER    512
#define SCRATCH	    MIB(24) /* of A's and B's memory: where patterns come from */

struct engine edu_a, edu_message;
struct iommu_device *edu_b;

static struct mmio regs_a, regs_b;

static void dma(const struct mmio *m, u64 src, u64 dst, u64 length, u32 direction)
{
	port_mmio_write64(m, EDU_DMA_SRC, src);
	port_mmio_write64(m, EDU_DMA_DST, dst);
	port_mmio_write64(m, EDU_DMA_LEN, length);
	port_mmio_write64(m, EDU_DMA_CMD, EDU_RUN | direction);
	if (!WAIT_FOR(!(port_mmio_read64(m, EDU_DMA_CMD) & EDU_RUN), 5000000))
		fatal("edu does not end its transfer");
}

/* A workstation's SCRATCH has the same address for its devices: both map their memory at 0. */
static void load(const struct mmio *m, u64 memory, const void *bytes, u32 n)
{
	memcpy((void *)(memory + SCRATCH), bytes, n);
	dma(m, SCRATCH, EDU_BUFFER, TRANSFER, 0);
}

static u64 edu_prepare(u64 pattern)
{
	u64 fill[TRANSFER / 8];

	for (u32 i = 0; i < TRANSFER / 8; i++)
		fill[i] = pattern + i;
	load(&regs_a, MEMORY_A, fill, TRANSFER);
	return pattern;
}

static void edu_write(u64 address)
{
	dma(&regs_a, EDU_BUFFER, address, TRANSFER, EDU_TO_RAM);
}

static void edu_read(u64 address)
{
	dma(&regs_a, address, EDU_BUFFER, TRANSFER, 0);
}

static void edu_revive(void)
{
}

void edu_write_message(u64 address, u32 data)
{
	load(&regs_a, MEMORY_A, &data, sizeof(data));
	dma(&regs_a, EDU_BUFFER, address, sizeof(data), EDU_TO_RAM);
}

void edu_set_msi(u64 address, u32 data)
{
	struct bdf bdf = edu_a.bdf;
	u16 at = (u16)pci_capability(place_of(bdf), 5),
	    control = (u16)port_pci_read(bdf, (u16)(at + 2), 2);
	bool wide = control & 0x80;

	port_pci_write(bdf, (u16)(at + 4), 4, (u32)address);
	if (wide)
		port_pci_write(bdf, (u16)(at + 8), 4, (u32)(address >> 32));
	port_pci_write(bdf, (u16)(at + (wide ? 12 : 8)), 2, data & 0xffff);
	port_pci_write(bdf, (u16)(at + 2), 2, (control & ~0x70u) | 1);
}

void edu_interrupt(void)
{
	port_mmio_write32(&regs_a, EDU_RAISE, 1);
	port_mmio_write32(&regs_a, EDU_ACK, 1);
}

static u16 message_data;

static u64 message_prepare(u64 pattern)
{
	message_data = (u16)pattern;
	return message_data;
}

static void message_write(u64 address)
{
	edu_set_msi(address, message_data);
	edu_interrupt();
}

void edu_b_write(u64 address)
{
	dma(&regs_b, EDU_BUFFER, address, TRANSFER, EDU_TO_RAM);
}

bool edu_b_works(void)
{
	static u64 pattern = 0xb0b0b0b000000000ull;
	volatile u64 *at = (volatile u64 *)(MEMORY_B + MIB(2));

	pattern++;
	load(&regs_b, MEMORY_B, &pattern, sizeof(pattern));
	edu_b_write(MIB(2));
	return *at == pattern;
}

static struct bdf open_edu(u32 nth, struct mmio *m)
{
	struct bdf bdf = find_function(0x1234, 0x11e8, nth);

	pci_enable(place_of(bdf));
	if (port_mmio_map(PADDR(pci_bar(place_of(bdf), 0)), MIB(1), m))
		fatal("edu's registers are out of reach");
	if ((port_mmio_read32(m, 0) & 0xffff) != 0xed) /* 010000edh */
		fatal("edu is not what it says");
	return bdf;
}

void edu_start(void)
{
	edu_a = (struct engine){
	    .name = "edu",
	    .bdf = open_edu(0, &regs_a),
	    .prepare = edu_prepare,
	    .write = edu_write,
	    .read = edu_read,
	    .reveal = edu_write,
	    .revive = edu_revive,
	};
	edu_a.dev = device_at(edu_a.bdf);
	edu_message = (struct engine){
	    .name = "edu",
	    .bdf = edu_a.bdf,
	    .dev = edu_a.dev,
	    .prepare = message_prepare,
	    .write = message_write,
	};
	edu_b = device_at(open_edu(1, &regs_b));
	if (iommu_attach(&domain_b, edu_b))
		fatal("B's edu cannot be attached");
}
