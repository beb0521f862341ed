/* The VT-d model's interrupt remapping (VT-d 4.1 §5.1). */
#include <string.h>

#include "tests/fake/vtd_model.h"

void vtdm_drop_irte(struct vtd_model *m, bool all, u32 first, u32 count)
{
	for (u32 i = 0; i < IRTES; i++) {
		struct irte *e = &m->irte[i];

		if (all || (e->index >= first && e->index - first < count))
			e->used = false;
	}
}

static bool refuse(struct vtd_model *m, u16 rid, u8 reason, u32 index, bool quiet, u8 *out)
{
	if (out)
		*out = reason;
	if (!quiet)
		vtdm_fault(m, rid, reason, (u64)index << 48, true);
	return false;
}

static bool entry_of(struct vtd_model *m, u32 index, u64 e[2])
{
	for (u32 i = 0; i < IRTES; i++)
		if (m->irte[i].used && m->irte[i].index == index) {
			e[0] = m->irte[i].lo;
			e[1] = m->irte[i].hi;
			return true;
		}
	if (!vtdm_table_read(m, m->irt + 16ull * index, e, 16))
		return false;
	/* Absent entries are cached in caching mode only (§6.1). */
	if (e[0] & 1 || vtdm_cap(m, VTDM_CM))
		m->irte[m->irte_next++ % IRTES] = (struct irte){true, index, e[0], e[1]};
	return true;
}

static bool entry_reserved(const struct vtd_model *m, const u64 e[2])
{
	u8 mode = (u8)bits(e[0], 7, 5);

	return bits(e[0], 14, 12) || bits(e[0], 15, 15) || bits(e[0], 31, 24) ||
	       bits(e[1], 63, 20) || bits(e[1], 19, 18) == 3 || mode == 3 || mode == 6 ||
	       (!m->eime && (bits(e[0], 63, 48) || bits(e[0], 39, 32)));
}

/* Source validation (§9.10, SVT and SQ). */
static bool source_ok(const u64 e[2], u16 rid)
{
	static const u16 ignore[] = {0, 4, 6, 7};
	u16 sid = (u16)bits(e[1], 15, 0), mask = (u16)~ignore[bits(e[1], 17, 16)];

	switch (bits(e[1], 19, 18)) {
	case 1:
		return (sid & mask) == (rid & mask);
	case 2:
		return rid >> 8 >= sid >> 8 && rid >> 8 <= (sid & 0xff);
	}
	return true;
}

static bool compatibility(struct vtd_model *m, u16 rid, u64 addr, u32 data,
			  struct vtd_model_irq *out, u8 *reason)
{
	if (m->gsts & G_IRE && (m->eime || !(m->gsts & G_CFI)))
		return refuse(m, rid, R_IRQ_COMPAT, 0, false, reason);
	if (out)
		*out = (struct vtd_model_irq){.apic_id = (u32)bits(addr, 19, 12),
					      .vector = (u8)data,
					      .delivery = (u8)bits(data, 10, 8),
					      .logical = addr & 4,
					      .level = data >> 15 & 1};
	return true;
}

bool vtd_model_msi(struct vtd_model *m, u16 rid, u64 addr, u32 data, struct vtd_model_irq *out,
		   u8 *reason)
{
	u32 index = (u32)(bits(addr, 19, 5) | bits(addr, 2, 2) << 15);
	bool sub = addr & 8;
	u64 e[2];

	if (addr >> 20 != 0xfee)
		vtdm_violate(m, "a test sends an interrupt to %#llx", (unsigned long long)addr);
	if (!(m->gsts & G_IRE) || !(addr & 0x10))
		return compatibility(m, rid, addr, data, out, reason);
	if (addr & 3 || data >> 16)
		return refuse(m, rid, R_IRQ_RESERVED, index, false, reason);
	if (sub)
		index += data & 0xffff;
	if (index >= m->irt_entries)
		return refuse(m, rid, R_IRQ_INDEX, index, false, reason);
	if (!entry_of(m, index, e))
		return refuse(m, rid, R_IRQ_ACCESS, index, false, reason);
	if (!(e[0] & 1))
		return refuse(m, rid, R_IRQ_ABSENT, index, e[0] & 2, reason);
	if (entry_reserved(m, e)) {
		vtdm_violate(m, "interrupt entry %u: %016llx %016llx has reserved bits set", index,
			     (unsigned long long)e[1], (unsigned long long)e[0]);
		return refuse(m, rid, R_IRTE_RESERVED, index, e[0] & 2, reason);
	}
	if (!source_ok(e, rid))
		return refuse(m, rid, R_IRQ_SOURCE, index, e[0] & 2, reason);
	if (out)
		*out = (struct vtd_model_irq){.apic_id = m->eime ? (u32)(e[0] >> 32)
								 : (u32)bits(e[0], 47, 40),
					      .vector = (u8)bits(e[0], 23, 16),
					      .delivery = (u8)bits(e[0], 7, 5),
					      .logical = e[0] & 4,
					      .level = e[0] & 16,
					      .remapped = true};
	return true;
}
