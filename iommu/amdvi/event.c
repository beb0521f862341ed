#include "iommu/amdvi/amdvi.h"

/*
 * Some processors move the tail before the record is in memory: an entry that reads as nothing is
 * looked at this many times before it is reported as unreadable. Taken entries are set to nothing.
 */
#define RECORD_LOOKS 1000000u

u32 amdvi_event_tail(const struct amdvi *a)
{
	/* Bits 18:4; kept in bounds whatever the register says. */
	return amdvi_read(a, AMDVI_EVENT_TAIL) / AMDVI_EVENT_BYTES % AMDVI_LOG_ENTRIES;
}

/* Quadword 0 of entry `n`, waiting for it; 0: it never came. */
static u64 record_wait(const struct amdvi *a, u32 n)
{
	u64 q0 = a->log.entry[2 * n];

	for (u32 i = 0; !(q0 >> 60) && i < RECORD_LOOKS; i++) {
		port_relax();
		q0 = a->log.entry[2 * n];
	}
	return q0;
}

bool amdvi_event_timed_out(const struct amdvi *a, u32 from, u16 rid)
{
	u32 tail = amdvi_event_tail(a);

	for (u32 n = from; n != tail; n = (n + 1) % AMDVI_LOG_ENTRIES) {
		u64 q0 = record_wait(a, n);

		if (q0 >> 60 == AMDVI_EV_IOTLB_TIMEOUT && (u16)q0 == rid)
			return true;
	}
	return false;
}

/* ---- the log --------------------------------------------------------------------------------- */

static void set_head(struct amdvi *a, u32 head)
{
	a->log.head = head;
	amdvi_write(a, AMDVI_EVENT_HEAD, head * AMDVI_EVENT_BYTES);
}

/* §2.5: off, clear the overflow, on again; head and tail stay where they are. */
static void log_restart(struct amdvi *a)
{
	amdvi_write(a, AMDVI_CONTROL, a->control & ~AMDVI_CTL_EVENT_LOG_EN);
	while (amdvi_read(a, AMDVI_STATUS) & AMDVI_STS_EVENT_RUN)
		port_relax();
	amdvi_write(a, AMDVI_STATUS, AMDVI_STS_EVENT_OVERFLOW | AMDVI_STS_EVENT_INT);
	amdvi_write(a, AMDVI_CONTROL, a->control);
	a->log.lost = true;
}

bool amdvi_event_restart(struct amdvi *a)
{
	u32 tail;

	if (!(amdvi_read(a, AMDVI_STATUS) & AMDVI_STS_EVENT_OVERFLOW))
		return false;
	tail = amdvi_event_tail(a);
	for (u32 n = a->log.head; n != tail; n = (n + 1) % AMDVI_LOG_ENTRIES)
		a->log.entry[2 * n] = 0;
	set_head(a, tail);
	log_restart(a);
	return true;
}

int amdvi_poll(struct iommu_unit *u, struct iommu_fault *out)
{
	struct amdvi *a = amdvi_of(u);
	u32 n = a->log.head;
	u64 q0, q1;

	if (n == amdvi_event_tail(a)) {
		/*
		 * Acknowledge, then look again: a record written between the two looks raises the
		 * interrupt anew, one written before the first would not have.
		 */
		amdvi_write(a, AMDVI_STATUS, AMDVI_STS_EVENT_INT);
		if (amdvi_read(a, AMDVI_STATUS) & AMDVI_STS_EVENT_OVERFLOW)
			log_restart(a);
		if (n == amdvi_event_tail(a))
			return 0;
	}
	q0 = record_wait(a, n);
	q1 = a->log.entry[2 * n + 1];
	a->log.entry[2 * n] = 0;
	amdvi_event_decode(u->desc.segment, q0, q1, out);
	out->lost = a->log.lost;
	a->log.lost = false;
	set_head(a, (n + 1) % AMDVI_LOG_ENTRIES);
	return 1;
}

/* ---- records --------------------------------------------------------------------------------- */

static const struct {
	enum iommu_fault_kind kind;
	bool rid, address;
	const char *reason;
} records[16] = {
    [0] = {IOMMU_FAULT_OTHER, false, false, "record never written"},
    [AMDVI_EV_ILLEGAL_DTE] = {IOMMU_FAULT_STRUCTURE, true, true, "ILLEGAL_DEV_TABLE_ENTRY"},
    [AMDVI_EV_PAGE_FAULT] = {IOMMU_FAULT_NOT_PRESENT, true, true, "IO_PAGE_FAULT"},
    [AMDVI_EV_DEVTAB_HW] = {IOMMU_FAULT_TABLE_ACCESS, true, true, "DEV_TAB_HARDWARE_ERROR"},
    [AMDVI_EV_PAGETAB_HW] = {IOMMU_FAULT_TABLE_ACCESS, true, true, "PAGE_TAB_HARDWARE_ERROR"},
    [AMDVI_EV_ILLEGAL_COMMAND] = {IOMMU_FAULT_COMMAND, false, true, "ILLEGAL_COMMAND_ERROR"},
    [AMDVI_EV_COMMAND_HW] = {IOMMU_FAULT_COMMAND, false, true, "COMMAND_HARDWARE_ERROR"},
    [AMDVI_EV_IOTLB_TIMEOUT] = {IOMMU_FAULT_DEVICE_TLB, true, false, "IOTLB_INV_TIMEOUT"},
    [AMDVI_EV_INVALID_REQUEST] = {IOMMU_FAULT_TRANSLATION_REQUEST, true, true,
				  "INVALID_DEVICE_REQUEST"},
    [AMDVI_EV_INVALID_PPR] = {IOMMU_FAULT_TRANSLATION_REQUEST, true, true, "INVALID_PPR_REQUEST"},
    [AMDVI_EV_COUNTER_ZERO] = {IOMMU_FAULT_OTHER, false, false, "EVENT_COUNTER_ZERO"},
};

/* §2.5.3, by the flags that are valid for what happened; the order is that of the walk. */
static enum iommu_fault_kind page_fault_kind(u32 flags, u16 domain)
{
	if (flags & AMDVI_EVF_RZ)
		return IOMMU_FAULT_STRUCTURE;
	if (domain == AMDVI_BLOCKED_ID)
		return IOMMU_FAULT_BLOCKED;
	if (!(flags & AMDVI_EVF_PR))
		return IOMMU_FAULT_NOT_PRESENT;
	return flags & AMDVI_EVF_RW ? IOMMU_FAULT_WRITE : IOMMU_FAULT_READ;
}

/*
 * An interrupt request's address is that of the HyperTransport message it became: FD_F8xx_xxxxh,
 * the low 8 bits of the index in 23:16, its upper bits, once the delivery mode, in 4:2.
 */
static void interrupt_fault(u64 address, u32 flags, struct iommu_fault *out)
{
	u32 mode = address >> 2 & 7;
	bool ours = (address >> 24 & 0xffff) == 0xfdf8;

	out->kind = flags & AMDVI_EVF_RZ ? IOMMU_FAULT_STRUCTURE : IOMMU_FAULT_INTERRUPT;
	if (ours && mode > 1)
		out->kind = IOMMU_FAULT_INTERRUPT_COMPAT;
	out->has_address = ours;
	out->address = ours ? mode << 8 | (address >> 16 & 0xff) : address;
	out->write = true;
}

void amdvi_event_decode(u16 segment, u64 q0, u64 q1, struct iommu_fault *out)
{
	u8 code = q0 >> 60;
	u32 flags = q0 >> 48 & 0xfff;

	*out = (struct iommu_fault){
	    .kind = records[code].reason ? records[code].kind : IOMMU_FAULT_OTHER,
	    .code = code,
	    .reason = records[code].reason ? records[code].reason : "unknown event",
	    .segment = segment,
	    .rid = records[code].rid ? (u16)q0 : 0,
	    .has_rid = records[code].rid,
	    .has_address = records[code].address,
	    .write = flags & AMDVI_EVF_RW,
	    .address = q1,
	};
	if (code != AMDVI_EV_PAGE_FAULT)
		return;
	if (flags & AMDVI_EVF_I)
		interrupt_fault(q1, flags, out);
	else
		out->kind = page_fault_kind(flags, (u16)(q0 >> 32));
	if (flags & AMDVI_EVF_TR)
		out->kind = IOMMU_FAULT_TRANSLATION_REQUEST;
}
