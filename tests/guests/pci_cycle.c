/*
 * A workstation whose NVMe disk is new to it at every start: the controller comes up by itself only
 * from its reset state, and what it identifies itself with arrives by DMA. Then it starts anew, until
 * the harness has seen enough.
 *
 *   storm=N  instead: N commands whose data would go where nothing is mapped, as fast as they are taken
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
#define ENTRIES 64     /* a page of commands */

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

static u32 tail, head, phase = 1;

/* One Identify controller command, 4096 bytes to `data`. */
static void submit(u64 data)
{
	u32 *command = (u32 *)(QUEUES + 64 * tail);

	memset(command, 0, 64);
	command[0] = 6 | tail << 16;
	command[6] = (u32)data;
	command[7] = (u32)(data >> 32);
	command[10] = 1;
	barrier();
	tail = (tail + 1) % ENTRIES;
	mmio_write32(regs + DOORBELLS, tail);
}

/* Did it end within `us`? *status: 0 when it succeeded. */
static bool completed(u64 us, u32 *status)
{
	volatile u32 *entry = (volatile u32 *)(QUEUES + 4096 + 16 * head);

	if (!WAIT_FOR((entry[3] >> 16 & 1) == phase, us))
		return false;
	*status = entry[3] >> 17;
	head = (head + 1) % ENTRIES;
	phase ^= !head;
	mmio_write32(regs + DOORBELLS + 4, head);
	return true;
}

static bool identify(void)
{
	u32 status;

	submit(QUEUES + 8192);
	return completed(5000000, &status) && !status;
}

/*
 * Each command is a fault, as many at once as the queue holds; once the device is silenced its
 * completions do not arrive either.
 */
static void storm(u64 n)
{
	u64 sent = 0, done = 0;
	u32 status;

	print("storm begin\n");
	while (done < n) {
		while (sent < n && sent - done < ENTRIES - 1) {
			submit(0xfff00000);
			sent++;
		}
		if (!completed(2000000, &status))
			break;
		done++;
	}
	for (; sent < n; sent++)
		submit(0xfff00000);
	print("storm done: %lu commands sent, %lu ended\n", sent, done);
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
	if (option("storm")) {
		storm(option_number("storm", 1000));
		return;
	}
	print("cycle done\n");
	if (!option("end"))
		power_cf9();
}
