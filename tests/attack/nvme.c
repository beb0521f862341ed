/* An NVMe controller (base specification 1.4): its admin queue and one pair of I/O queues. */
#include "attack.h"

#define CC	 0x14
#define CSTS	 0x1c
#define AQA	 0x24
#define ASQ	 0x28
#define ACQ	 0x30
#define DOORBELL 0x1000

#define ENTRIES	 16
#define QUEUES	 (MIB(20)) /* of A's memory, device address the same */
#define ADMIN_SQ (QUEUES + 0x0000)
#define ADMIN_CQ (QUEUES + 0x1000)
#define IO_SQ	 (QUEUES + 0x2000)
#define IO_CQ	 (QUEUES + 0x3000)

#define CREATE_SQ 0x01
#define CREATE_CQ 0x05
#define IDENTIFY  0x06
#define IO_WRITE  0x01
#define IO_READ	  0x02

struct nvme_queue {
	u64 sq, cq; /* device addresses */
	u32 tail, head, phase, id;
};

struct engine nvme_a;

static struct mmio regs;
static struct nvme_queue admin, io;
static u64 identity; /* first 8 bytes of what IDENTIFY writes */

static void *own(u64 address)
{
	return (void *)(MEMORY_A + address);
}

/* False when there was no completion within 300 ms: the controller was cut off, or has failed. */
static bool submit(struct nvme_queue *q, u32 opcode, u64 prp, u32 nsid, u32 d10, u32 d11, u32 d12)
{
	volatile u32 *sqe = (volatile u32 *)own(q->sq) + 16 * q->tail;
	volatile u32 *cqe = (volatile u32 *)own(q->cq) + 4 * q->head;

	for (u32 i = 0; i < 16; i++)
		sqe[i] = 0;
	sqe[0] = opcode | q->tail << 16;
	sqe[1] = nsid;
	sqe[6] = (u32)prp;
	sqe[7] = (u32)(prp >> 32);
	sqe[10] = d10;
	sqe[11] = d11;
	sqe[12] = d12;
	q->tail = (q->tail + 1) % ENTRIES;
	port_wmb();
	port_mmio_write32(&regs, DOORBELL + 8 * q->id, q->tail);
	if (!WAIT_FOR((cqe[3] >> 16 & 1) == q->phase, 300000))
		return false;
	q->head = (q->head + 1) % ENTRIES;
	q->phase ^= !q->head;
	port_mmio_write32(&regs, DOORBELL + 8 * q->id + 4, q->head);
	return true;
}

static void queue_reset(struct nvme_queue *q, u32 id, u64 sq, u64 cq)
{
	*q = (struct nvme_queue){.sq = sq, .cq = cq, .phase = 1, .id = id};
	memset(own(sq), 0, PAGE_SIZE);
	memset(own(cq), 0, PAGE_SIZE);
}

static void nvme_revive(void)
{
	port_mmio_write32(&regs, CC, 0);
	if (!WAIT_FOR(!(port_mmio_read32(&regs, CSTS) & 1), 2000000))
		fatal("the NVMe controller does not stop");
	queue_reset(&admin, 0, ADMIN_SQ, ADMIN_CQ);
	queue_reset(&io, 1, IO_SQ, IO_CQ);
	port_mmio_write32(&regs, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	port_mmio_write64(&regs, ASQ, ADMIN_SQ);
	port_mmio_write64(&regs, ACQ, ADMIN_CQ);
	port_mmio_write32(&regs, CC,
			  4u << 20 | 6u << 16 | 1); /* 16- and 64-byte entries, 4 KiB pages */
	if (!WAIT_FOR(port_mmio_read32(&regs, CSTS) & 1, 2000000))
		fatal("the NVMe controller does not start");
	if (!submit(&admin, CREATE_CQ, IO_CQ, 0, (ENTRIES - 1) << 16 | 1, 1, 0) ||
	    !submit(&admin, CREATE_SQ, IO_SQ, 0, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1, 0))
		fatal("the NVMe controller takes no queues");
}

/* IDENTIFY CONTROLLER puts 4 KiB that begin with its PCI ids to the address. */
static void nvme_write(u64 address)
{
	(void)submit(&admin, IDENTIFY, address, 0, 1, 0, 0);
}

static u64 nvme_prepare(u64 pattern)
{
	return identity;
}

/* Write the memory to block 0: the controller reads it. */
static void nvme_read(u64 address)
{
	(void)submit(&io, IO_WRITE, address, 1, 0, 0, 0);
}

static void nvme_reveal(u64 address)
{
	(void)submit(&io, IO_READ, address, 1, 0, 0, 0);
}

void nvme_start(void)
{
	struct engine *e = &nvme_a;

	*e = (struct engine){
	    .name = "nvme",
	    .write = nvme_write,
	    .read = nvme_read,
	    .reveal = nvme_reveal,
	    .revive = nvme_revive,
	    .prepare = nvme_prepare,
	};
	e->bdf = find_function(0x1b36, 0x0010, 0);
	e->dev = device_at(e->bdf);
	if (port_mmio_map(PADDR(pci_bar(place_of(e->bdf), 0)), 0x2000, &regs))
		fatal("the NVMe controller's registers are out of reach");
	if (iommu_attach(&domain_a, e->dev))
		fatal("the NVMe controller cannot be attached");
	pci_enable(place_of(e->bdf));
	nvme_revive();
	nvme_write(QUEUES + 0x4000);
	identity = *(volatile u64 *)own(QUEUES + 0x4000);
	if ((identity & 0xffff) != 0x1b36)
		fatal("the NVMe controller does not tell who it is");
}
