/* The VT-d model's invalidation queue (VT-d 4.1 §6.5.2). */
#include <string.h>

#include "tests/fake/vtd_model.h"

u32 vtdm_queue_width(const struct vtd_model *m)
{
	return m->iqa & BIT(11) ? 32 : 16;
}

u32 vtdm_queue_entries(const struct vtd_model *m)
{
	return (256u << bits(m->iqa, 2, 0)) * 16 / vtdm_queue_width(m);
}

static void queue_error(struct vtd_model *m, u8 info)
{
	m->iqercd = (m->iqercd & ~0xfull) | info;
	m->queue_stopped = true;
	vtdm_event(m, F_IQE);
}

void vtdm_queue_tail(struct vtd_model *m, u64 v)
{
	if (v & ~0x7fff0ull || v % vtdm_queue_width(m))
		vtdm_violate(m, "queue tail %#llx", (unsigned long long)v);
	if (!(m->gsts & G_QIE) && v)
		vtdm_violate(m, "queue tail moved while the queue is off");
	m->iqt = v;
	m->queue_left = m->config.late;
	if (v >= (u64)vtdm_queue_entries(m) * vtdm_queue_width(m))
		queue_error(m, 1);
}

static bool only(u64 v, u64 allowed)
{
	return !(v & ~allowed);
}

/* Mask bits of the descriptors we know, by type; what is not in it is reserved. */
static bool reserved_clear(const u64 *d, u32 type, bool scalable)
{
	static const struct {
		u64 lo, hi;
	} allowed[] = {
	    [1] = {0x0003ffffffff003full, 0},
	    [2] = {0x00000000ffff00ffull, 0xfffffffffffff07full},
	    [3] = {0xfff0ffff001ff00full, 0xfffffffffffff001ull},
	    [4] = {0x0000fffff800001full, 0},
	    [5] = {0xffffffff000000ffull, 0xfffffffffffffffcull},
	    [6] = {0x000fffffffff003full, 0xfffffffffffff07full},
	    [7] = {0x000fffffffff003full, 0},
	};

	if (type >= 6 && !scalable)
		return false;
	return only(d[0], allowed[type].lo) && only(d[1], allowed[type].hi) && !d[2] && !d[3];
}

static void do_context(struct vtd_model *m, const u64 *d)
{
	u8 g = (u8)bits(d[0], 5, 4);
	u16 did = (u16)bits(d[0], 31, 16), rid = (u16)bits(d[0], 47, 32);

	*(g == 1   ? &m->counts.context_global
	  : g == 2 ? &m->counts.context_domain
		   : &m->counts.context_device) += 1;
	m->overlap_context = true;
	if (!g) {
		queue_error(m, 4);
		return;
	}
	vtdm_drop_context(m, g == 1, g == 3, did, rid, (u8)bits(d[0], 49, 48));
	if (g == 1)
		m->owe_context = false;
}

static void do_pasid(struct vtd_model *m, const u64 *d)
{
	u8 g = (u8)bits(d[0], 5, 4);

	m->counts.pasid++;
	if (m->overlap_context)
		vtdm_violate(m,
			     "PASID cache invalidated beside the context cache it is filled from");
	m->overlap_context = true;
	if (g == 2) {
		queue_error(m, 4);
		return;
	}
	vtdm_drop_pasid(m, g == 3, (u16)bits(d[0], 31, 16));
	if (g == 3)
		m->owe_pasid = false;
}

static void do_iotlb(struct vtd_model *m, const u64 *d)
{
	u8 g = (u8)bits(d[0], 5, 4), am = (u8)bits(d[1], 5, 0);
	u16 did = (u16)bits(d[0], 31, 16);
	u64 base = d[1] & ~0xfffull, size = 1ull << (12 + am);
	bool writes = d[0] & BIT(6), reads = d[0] & BIT(7), keep_tables = d[1] & BIT(6);

	if (!g) {
		queue_error(m, 4);
		return;
	}
	if (m->overlap_context)
		vtdm_violate(m, "IOTLB invalidated beside the context cache it is filled from");
	m->overlap_iotlb = true;
	if ((writes && !vtdm_cap(m, VTDM_DWD)) || (reads && !vtdm_cap(m, VTDM_DRD)))
		vtdm_violate(m, "draining asked of a unit that cannot");
	if (g == 3) {
		m->counts.iotlb_page++;
		m->counts.pages += size >> 12;
		if (!vtdm_cap(m, VTDM_PSI))
			vtdm_violate(m, "page-selective invalidation, which there is none of");
		if (am > bits(m->config.cap, 53, 48))
			vtdm_violate(m, "address mask %u beyond the maximum", am);
		if (base & (size - 1))
			vtdm_violate(m, "invalidation of %#llx not aligned to its mask %u",
				     (unsigned long long)base, am);
		vtdm_drop_tlb(m, false, did, base, size, keep_tables);
		vtdm_drain(m, false, did, base, size, reads, writes);
		return;
	}
	*(g == 1 ? &m->counts.iotlb_global : &m->counts.iotlb_domain) += 1;
	if (g == 1 && (m->owe_context || m->owe_pasid))
		vtdm_violate(m, "IOTLB invalidated before the context cache it is filled from");
	vtdm_drop_tlb(m, g == 1, did, 0, 0, false);
	vtdm_drain(m, g == 1, did, 0, 0, reads, writes);
	if (g == 1)
		m->owe_iotlb = false;
}

static void do_device_tlb(struct vtd_model *m, const u64 *d)
{
	u16 rid = (u16)bits(d[0], 47, 32);
	u32 depth = (u32)bits(d[0], 20, 16);
	struct ats_dev *dev = vtdm_ats(m, rid);
	u64 base = d[1] & ~0xfffull, size = 0x1000;

	m->counts.dev_tlb++;
	if (!vtdm_ecap(m, VTDM_DT)) {
		queue_error(m, 3);
		return;
	}
	if (m->overlap_iotlb || m->overlap_context)
		vtdm_violate(m, "device TLB invalidated beside the IOTLB it is filled from");
	if (d[0] & 0xfff000000000f000ull &&
	    (!vtdm_ecap(m, VTDM_DIT) ||
	     (bits(d[0], 15, 12) | bits(d[0], 63, 52) << 4) != (dev ? dev->pf : 0)))
		vtdm_violate(m, "%04x: device-TLB invalidation with PFSID %llx", rid,
			     (unsigned long long)(bits(d[0], 15, 12) | bits(d[0], 63, 52) << 4));
	if (!dev || m->npending == PENDING) {
		vtdm_violate(m, "device-TLB invalidation of %04x, which has none", rid);
		return;
	}
	if ((depth ? depth : 32) > dev->depth)
		vtdm_violate(m, "%04x: %u invalidations at once, its queue holds %u", rid,
			     depth ? depth : 32, dev->depth);
	/* S: the lowest clear address bit gives the size (PCIe 5.0 §10.3.2). */
	if (d[1] & 1) {
		unsigned zero = (unsigned)__builtin_ctzll(~(d[1] >> 12));

		size = zero >= 51 ? 0 : 0x2000ull << zero;
		base = size ? base & ~(size - 1) : 0;
	}
	if (!m->npending)
		m->pending_left = m->config.timeout;
	m->pending[m->npending].rid = rid;
	m->pending[m->npending].answers = dev->answers && !(dev->skip & 1);
	dev->skip >>= 1;
	m->pending[m->npending].base = base;
	m->pending[m->npending++].size = size;
}

static void do_iec(struct vtd_model *m, const u64 *d)
{
	u32 im = (u32)bits(d[0], 31, 27), index = (u32)bits(d[0], 47, 32);

	if (!(d[0] & BIT(4))) {
		m->counts.iec_global++;
		vtdm_drop_irte(m, true, 0, 0);
		m->owe_iec = false;
		return;
	}
	m->counts.iec_index++;
	if (im > bits(m->config.ecap, 23, 20))
		vtdm_violate(m, "interrupt index mask %u beyond the maximum", im);
	if (index & ((1u << im) - 1))
		vtdm_violate(m, "interrupt index %u not aligned to its mask %u", index, im);
	vtdm_drop_irte(m, false, index, 1u << im);
}

static void do_wait(struct vtd_model *m, const u64 *d)
{
	bool interrupt = d[0] & BIT(4), status = d[0] & BIT(5);

	m->counts.wait++;
	if (interrupt && status)
		vtdm_violate(m, "wait descriptor with interrupt and status write");
	if (interrupt)
		vtdm_violate(m, "completion interrupt, which nobody takes");
	if (!interrupt && !status)
		vtdm_violate(m, "wait descriptor that tells nobody: some units refuse it");
	if (d[0] & BIT(6))
		m->overlap_context = m->overlap_iotlb = false;
	m->waiting = true;
	m->wait_status = status;
	m->wait_addr = d[1] & ~3ull;
	m->wait_data = (u32)(d[0] >> 32);
}

/* Device TLBs answer, or time out: then waits are aborted and the queue stops (§6.5.2.10). */
static void step_pending(struct vtd_model *m)
{
	u32 kept = 0;

	for (u32 i = 0; i < m->npending; i++) {
		if (m->pending[i].answers)
			vtdm_drop_atc(m, m->pending[i].rid, m->pending[i].base, m->pending[i].size);
		else
			m->pending[kept++] = m->pending[i];
	}
	m->npending = kept;
	if (!kept)
		return;
	if (m->pending_left && --m->pending_left)
		return;
	m->iqercd &= 0xffff0000ffffffffull;
	if (!m->config.anonymous_timeouts)
		m->iqercd |= (u64)m->pending[0].rid << 32;
	m->npending = 0;
	m->waiting = false;
	m->queue_stopped = true;
	vtdm_event(m, F_ITE);
}

static void step_wait(struct vtd_model *m)
{
	if (m->npending)
		return;
	m->waiting = false;
	if (m->iqh == m->iqt)
		m->overlap_context = m->overlap_iotlb = false;
	if (!m->wait_status)
		return;
	m->unordered = true;
	if (!fake_view_write(PADDR(m->wait_addr), &m->wait_data, sizeof(m->wait_data)))
		vtdm_violate(m, "wait status goes to %#llx, which is not RAM",
			     (unsigned long long)m->wait_addr);
}

static void fetch(struct vtd_model *m)
{
	u64 d[4] = {0};
	u32 width = vtdm_queue_width(m), type;
	bool scalable = m->ttm == 1;

	if (!fake_view_read(VIEW_SNOOP, PADDR((m->iqa & ~0xfffull) + m->iqh), d, width)) {
		queue_error(m, 2);
		return;
	}
	type = (u32)(bits(d[0], 3, 0) | bits(d[0], 11, 9) << 4);
	if (m->refuse_after) {
		m->refuse_after--;
	} else if (m->refuse_next) {
		u64 broken = d[0] | 0xf;

		m->refuse_next--;
		type = 0xf;
		if (!fake_view_write(PADDR((m->iqa & ~0xfffull) + m->iqh), &broken, 8))
			vtdm_violate(m, "queue is not RAM");
	}
	if (scalable && width == 16) {
		queue_error(m, 5);
		return;
	}
	if (!type || type > 7) {
		queue_error(m, 3);
		return;
	}
	if (!reserved_clear(d, type, scalable)) {
		vtdm_violate(m, "descriptor %016llx %016llx has reserved bits set",
			     (unsigned long long)d[0], (unsigned long long)d[1]);
		queue_error(m, 4);
		return;
	}
	m->iqh += width;
	if (m->iqh == (u64)vtdm_queue_entries(m) * width) {
		m->iqh = 0;
		m->counts.wraps++;
	}
	static void (*const todo[])(struct vtd_model *, const u64 *) = {
	    [1] = do_context, [2] = do_iotlb, [3] = do_device_tlb,
	    [4] = do_iec,     [5] = do_wait,  [7] = do_pasid,
	};
	if (todo[type])
		todo[type](m, d);
	else
		vtdm_violate(m, "first-level invalidation, of which there is no use");
}

void vtdm_queue_step(struct vtd_model *m)
{
	if (!(m->gsts & G_QIE) || m->hung)
		return;
	if (m->npending)
		step_pending(m);
	if (m->queue_stopped)
		return;
	if (m->queue_left) {
		m->queue_left--;
		return;
	}
	if (m->waiting)
		step_wait(m);
	else if (m->iqh != m->iqt)
		fetch(m);
	else
		return;
	m->queue_left = m->config.late;
}
