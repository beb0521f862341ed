/* Fault records (§7.2): taken one by one, decoded to what happened. */
#include "iommu/vtd/unit.h"

#define FAULT_NEXT_UNKNOWN (~0u)

struct reason {
	u8 code;
	enum iommu_fault_kind kind;
	const char *text;
};

/* §7.1.3, in its words. */
static const struct reason reasons[] = {
    {0x01, IOMMU_FAULT_BLOCKED, "root entry not present"},
    {0x02, IOMMU_FAULT_BLOCKED, "context entry not present"},
    {0x03, IOMMU_FAULT_STRUCTURE, "invalid programming of a context entry"},
    {0x04, IOMMU_FAULT_ADDRESS_WIDTH, "address beyond the maximum width"},
    {0x05, IOMMU_FAULT_WRITE, "no write permission"},
    {0x06, IOMMU_FAULT_READ, "no read permission"},
    {0x07, IOMMU_FAULT_TABLE_ACCESS, "page-table entry access error"},
    {0x08, IOMMU_FAULT_TABLE_ACCESS, "root table access error"},
    {0x09, IOMMU_FAULT_TABLE_ACCESS, "context table access error"},
    {0x0a, IOMMU_FAULT_STRUCTURE, "reserved field in a root entry"},
    {0x0b, IOMMU_FAULT_STRUCTURE, "reserved field in a context entry"},
    {0x0c, IOMMU_FAULT_STRUCTURE, "reserved field in a page-table entry"},
    {0x0d, IOMMU_FAULT_TRANSLATION_REQUEST, "translation or translated request not allowed"},
    {0x0e, IOMMU_FAULT_STRUCTURE, "page leads to the interrupt address range"},
    {0x20, IOMMU_FAULT_INTERRUPT, "reserved field in an interrupt request"},
    {0x21, IOMMU_FAULT_INTERRUPT, "interrupt index beyond the table"},
    {0x22, IOMMU_FAULT_INTERRUPT, "interrupt entry not present"},
    {0x23, IOMMU_FAULT_TABLE_ACCESS, "interrupt table access error"},
    {0x24, IOMMU_FAULT_STRUCTURE, "reserved field in an interrupt entry"},
    {0x25, IOMMU_FAULT_INTERRUPT_COMPAT, "compatibility-format interrupt"},
    {0x26, IOMMU_FAULT_INTERRUPT, "interrupt source-id mismatch"},
    {0x30, IOMMU_FAULT_STRUCTURE, "root table address or translation mode not valid"},
    {0x31, IOMMU_FAULT_STRUCTURE, "translation mode not valid for the request"},
    {0x38, IOMMU_FAULT_TABLE_ACCESS, "scalable root table access error"},
    {0x39, IOMMU_FAULT_BLOCKED, "scalable root entry not present"},
    {0x3a, IOMMU_FAULT_STRUCTURE, "reserved field in a scalable root entry"},
    {0x40, IOMMU_FAULT_TABLE_ACCESS, "scalable context table access error"},
    {0x41, IOMMU_FAULT_BLOCKED, "scalable context entry not present"},
    {0x42, IOMMU_FAULT_STRUCTURE, "reserved field in a scalable context entry"},
    {0x43, IOMMU_FAULT_STRUCTURE, "invalid programming of a scalable context entry"},
    {0x44, IOMMU_FAULT_TRANSLATION_REQUEST, "translation or translated request not allowed"},
    {0x45, IOMMU_FAULT_TRANSLATION_REQUEST, "request with PASID not allowed"},
    {0x50, IOMMU_FAULT_TABLE_ACCESS, "PASID directory access error"},
    {0x51, IOMMU_FAULT_BLOCKED, "PASID directory entry not present"},
    {0x52, IOMMU_FAULT_STRUCTURE, "reserved field in a PASID directory entry"},
    {0x58, IOMMU_FAULT_TABLE_ACCESS, "PASID table access error"},
    {0x59, IOMMU_FAULT_BLOCKED, "PASID entry not present"},
    {0x5a, IOMMU_FAULT_STRUCTURE, "reserved field in a PASID entry"},
    {0x5b, IOMMU_FAULT_STRUCTURE, "invalid programming of a PASID entry"},
    {0x78, IOMMU_FAULT_TABLE_ACCESS, "second-stage entry access error"},
    {0x79, IOMMU_FAULT_NOT_PRESENT, "second-stage entry not present"},
    {0x7a, IOMMU_FAULT_STRUCTURE, "reserved field in a second-stage entry"},
    {0x7b, IOMMU_FAULT_STRUCTURE, "invalid second-stage table pointer"},
    {0x83, IOMMU_FAULT_ADDRESS_WIDTH, "address beyond the maximum width"},
    {0x84, IOMMU_FAULT_ADDRESS_WIDTH, "address beyond the second stage"},
    {0x85, IOMMU_FAULT_WRITE, "no second-stage write permission"},
    {0x86, IOMMU_FAULT_READ, "no second-stage read permission"},
    {0x87, IOMMU_FAULT_STRUCTURE, "page leads to the interrupt address range"},
};

static const struct reason *find_reason(u8 code)
{
	static const struct reason unknown = {0, IOMMU_FAULT_OTHER, "unknown reason"};

	for (u32 i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].code == code)
			return &reasons[i];
	return &unknown;
}

static bool is_interrupt(u8 code)
{
	return code >= 0x20 && code < 0x30;
}

void vtd_report(struct vtd *v, enum iommu_fault_kind kind, u16 code, const char *reason,
		const u16 *rid)
{
	struct iommu_fault *f = &v->found[v->nfound];

	if (v->nfound == VTD_FOUND) {
		v->found_dropped = true;
		return;
	}
	*f = (struct iommu_fault){.kind = kind,
				  .code = code,
				  .reason = reason,
				  .segment = v->unit->desc.segment,
				  .rid = rid ? *rid : 0,
				  .has_rid = rid != NULL,
				  .lost = v->found_dropped};
	v->found_dropped = false;
	v->nfound++;
}

static void take_found(struct vtd *v, struct iommu_fault *out)
{
	*out = v->found[0];
	v->nfound--;
	for (u32 i = 0; i < v->nfound; i++)
		v->found[i] = v->found[i + 1];
}

static u64 record_at(const struct vtd *v, u32 i)
{
	return CAP_FRO(v->cap) + 16 * (u64)i;
}

void vtd_fault_decode(u16 segment, u64 lo, u64 hi, struct iommu_fault *out)
{
	u8 code = (u8)FRCD_FR(hi);
	const struct reason *r = find_reason(code);

	*out = (struct iommu_fault){.kind = r->kind,
				    .code = code,
				    .reason = r->text,
				    .segment = segment,
				    .rid = (u16)FRCD_SID(hi),
				    .has_rid = true,
				    .has_address = true,
				    .write = !(hi & FRCD_READ) || is_interrupt(code),
				    .address = is_interrupt(code) ? FRCD_INDEX(lo)
								  : lo & ~(u64)(PAGE_SIZE - 1)};
}

/* Take the first record that is filled, from where the last one was on: they fill in a circle. */
static bool take_record(struct vtd *v, u32 fsts, struct iommu_fault *out)
{
	const struct mmio *m = &v->unit->regs;
	u32 n = (u32)CAP_NFR(v->cap);

	if (v->fault_next == FAULT_NEXT_UNKNOWN)
		v->fault_next = (u32)FSTS_FRI(fsts);
	for (u32 i = 0; i < n; i++) {
		u32 which = (v->fault_next + i) % n;
		u64 at = record_at(v, which), hi = port_mmio_read64(m, at + FRCD_HI);

		if (!(hi & FRCD_F))
			continue;
		vtd_fault_decode(v->unit->desc.segment, port_mmio_read64(m, at), hi, out);
		port_mmio_write32(m, at + FRCD_TOP, FRCD_TOP_F);
		v->fault_next = (which + 1) % n;
		return true;
	}
	return false;
}

/*
 * One record a call. Overflow is acknowledged when all records are taken (§7.2.1): hardware drops
 * faults from then to there, so the first record after it says that others were lost.
 */
int vtd_poll(struct iommu_unit *u, struct iommu_fault *out)
{
	struct vtd *v = vtd_of(u);
	const struct mmio *m = &u->regs;
	u32 fsts;

	if (v->nfound) {
		take_found(v, out);
		return 1;
	}
	fsts = port_mmio_read32(m, REG_FSTS);
	if (fsts & FSTS_ICE) {
		u16 rid = (u16)IQERCD_ICESID(port_mmio_read64(m, REG_IQERCD));

		port_mmio_write32(m, REG_FSTS, FSTS_ICE);
		vtd_report(v, IOMMU_FAULT_DEVICE_TLB, 0, "unexpected device-TLB completion", &rid);
		take_found(v, out);
		return 1;
	}
	if (fsts & FSTS_PPF && take_record(v, fsts, out)) {
		out->lost = v->lost;
		v->lost = false;
		return 1;
	}
	if (!(fsts & FSTS_PFO))
		return 0;
	port_mmio_write32(m, REG_FSTS, FSTS_PFO);
	v->lost = true;
	return 0;
}

/* What the firmware left: nobody of ours did it. Where the unit goes on it tells at the first. */
void vtd_faults_discard(struct vtd *v)
{
	const struct mmio *m = &v->unit->regs;

	v->fault_next = FAULT_NEXT_UNKNOWN;

	for (u32 i = 0; i < CAP_NFR(v->cap); i++)
		port_mmio_write32(m, record_at(v, i) + FRCD_TOP, FRCD_TOP_F);
	port_mmio_write32(m, REG_FSTS, FSTS_PFO | FSTS_ERRORS);
}

/* The unit's own message is not remapped: compatibility format, wide id in the upper address. */
int vtd_arm_faults(struct iommu_unit *u, u32 apic_id, u8 vector)
{
	struct vtd *v = vtd_of(u);
	const struct mmio *m = &u->regs;

	if (!v->eim && apic_id >= 0xff)
		return ERR_RANGE;
	port_mmio_write32(m, REG_FECTL, FECTL_IM);
	port_mmio_write32(m, REG_FEDATA, vector);
	port_mmio_write32(m, REG_FEADDR, 0xfee00000 | (apic_id & 0xff) << 12);
	port_mmio_write32(m, REG_FEUADDR, apic_id & ~0xffu);
	port_mmio_write32(m, REG_FECTL, 0);
	return OK;
}
