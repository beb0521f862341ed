#include "iommu/amdvi/amdvi.h"

static void ring_store(struct amdvi_ring *r, u64 q0, u64 q1)
{
	u64 *e = &r->entry[2 * r->tail];

	e[0] = q0;
	e[1] = q1;
	r->tail = (r->tail + 1) % AMDVI_RING_ENTRIES;
}

static void ring_publish(struct amdvi *a)
{
	/* The unit fetches commands, and what they are about, once it sees the tail. */
	port_wmb();
	amdvi_write(a, AMDVI_COMMAND_TAIL, a->ring.tail * AMDVI_CMD_BYTES);
}

/*
 * The unit stopped at a command (§2.4, §2.5.6, §2.5.7): start it again at the first command of the
 * batch. Invalidations can be repeated; only the wait at the end counts.
 */
static void ring_restart(struct amdvi *a)
{
	amdvi_write(a, AMDVI_CONTROL, a->control & ~AMDVI_CTL_COMMAND_EN);
	amdvi_write(a, AMDVI_COMMAND_HEAD, a->ring.batch * AMDVI_CMD_BYTES);
	amdvi_write(a, AMDVI_CONTROL, a->control);
}

/* §2.4.1: the store happens when all earlier commands, and the DMA they fenced, are complete. */
static int ring_wait(struct amdvi *a)
{
	struct amdvi_ring *r = &a->ring;
	bool restarted = false;

	if (r->error)
		return r->error;
	r->sequence++;
	ring_store(r, AMDVI_CMD_WAIT | AMDVI_CMD_WAIT_STORE | r->done_pa.v, r->sequence);
	ring_publish(a);
	while (*r->done != r->sequence) {
		port_relax();
		if (amdvi_read(a, AMDVI_STATUS) & AMDVI_STS_COMMAND_RUN)
			continue;
		if (restarted) {
			port_log(LOG_ERROR,
				 "AMD-Vi unit %u refuses a command twice (batch %u..%u): nothing "
				 "more is assigned below it; restart the machine",
				 a->unit->index, r->batch, r->tail);
			a->unit->state = IOMMU_UNIT_FAILED;
			r->error = ERR_IO;
			return ERR_IO;
		}
		restarted = true;
		ring_restart(a);
	}
	/* What the unit wrote before the store is visible to what follows. */
	port_mb();
	r->batch = r->tail;
	return OK;
}

void amdvi_command(struct amdvi *a, u64 q0, u64 q1)
{
	struct amdvi_ring *r = &a->ring;
	u32 used = (r->tail - r->batch) % AMDVI_RING_ENTRIES;

	/* One place for the wait, one that stays empty: a full ring would look like an empty one. */
	if (used == AMDVI_RING_ENTRIES - 2)
		(void)ring_wait(a); /* an error stays in ring.error for amdvi_wait() */
	if (!r->error)
		ring_store(r, q0, q1);
}

int amdvi_wait(struct amdvi *a)
{
	return ring_wait(a);
}
