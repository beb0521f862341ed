/*
 * A workstation whose NVMe disk is new to it at every start: the controller comes up by itself only
 * from its reset state, and what it identifies itself with arrives by DMA. Then it starts anew, until
 * the harness has seen enough.
 */
#include "lib/guest.h"

const char guest_name[] = "pci_cycle";

#define NVME_CC	  0x14
#define NVME_CSTS 0x1c
#define NVME_AQA  0x24
#define NVME_ASQ  0x28
#define NVME_ACQ  0x30
#define DOORBELLS 0x1000

#define QUEUES	MIB(8) /* submission, completion, data: a page each */
#define ENTRIES 8

static u64 regs;

static void write64(u64 at, u64 v)
{
	mmio_write32(at, (u32)v);
	mmio_write32(at + 4, (u32)(v >> 32));
}

/* NVMe 1.4 §7.6.1 */
static bool start(void)
{
	if (mmio_read32(regs + NVME_CC) & 1)
		return false;
	write64(regs + NVME_ASQ, QUEUES);
	write64(regs + NVME_ACQ, QUEUES + 4096);
	mmio_write32(regs + NVME_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	mmio_write32(regs + NVME_CC, 4u << 20 | 6u << 16 | 1);
	return WAIT_FOR(mmio_read32(regs + NVME_CSTS) & 1, 5000000);
}

/* Identify controller: 4096 bytes to the data page. */
static bool identify(void)
{
	u32 *command = (u32 *)QUEUES;
	volatile u32 *done = (volatile u32 *)(QUEUES + 4096);

	command[0] = 6;
	command[6] = (u32)(QUEUES + 8192);
	command[10] = 1;
	barrier();
	mmio_write32(regs + DOORBELLS, 1);
	return WAIT_FOR(done[3] >> 16 & 1, 5000000) && !(done[3] >> 17);
}

void guest_main(void)
{
	struct pci_place p;
	const char *data = (const char *)(QUEUES + 8192);
	char want[24] = "";
	bool same = true;

	memset((void *)QUEUES, 0, 3 * 4096);
	EXPECT(pci_find(0x00101b36, &p), "the disk is there");
	EXPECT(!(pci_read(p, 4) & 7), "as after a reset: it neither decodes nor masters the bus");
	pci_enable(p);
	regs = pci_bar(p, 0);
	EXPECT(start(), "its controller starts from its reset state");
	EXPECT(identify(), "it identifies itself");
	option_text("serial", want, sizeof(want));
	for (u32 i = 0; want[i]; i++)
		same = same && data[4 + i] == want[i];
	EXPECT(same && want[0], "by DMA into our memory, with the serial number %s", want);
	print("cycle done\n");
	if (!option("end"))
		power_cf9();
}
