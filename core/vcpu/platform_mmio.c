/* Emulated guest-physical memory: ECAM, the I/O APIC, and regions added by devices. */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/partition/layout.h"
#include "core/vcpu/platform_priv.h"

static void mmio_ioapic(struct platform *p, u32 vcpu, u32 off, u8 width, bool write, u64 *value)
{
	struct ioapic_message m;

	/* Registers are 32 bits on 16-byte boundaries (82093AA §3.0); narrower reads see a part. */
	if (!write) {
		*value = off & 3 ? 0 : ioapic_read(&p->ioapic, off);
		if (width < 4)
			*value &= platform_ones(width);
		return;
	}
	if (off & 3)
		return;
	platform_deliver(p, vcpu, ioapic_write(&p->ioapic, off, (u32)*value, &m), &m,
			 IOAPIC_BASE + off);
}

static bool within(u64 gpa, u8 width, u64 base, u64 size)
{
	return gpa >= base && size >= width && gpa - base <= size - width;
}

/* The region that holds the access, copied out, because it may be removed at any time. */
static bool region_find(struct platform *p, u64 gpa, u8 width, struct platform_region *out)
{
	bool found = false;
	u32 low = 0;

	spin_lock(&p->region_lock);
	for (u32 high = p->nregions; low < high;) {
		u32 mid = (low + high) / 2;
		const struct platform_region *r = &p->config.regions[mid];

		if (gpa >= r->base.v + r->size) {
			low = mid + 1;
		} else if (gpa < r->base.v) {
			high = mid;
		} else {
			found = within(gpa, width, r->base.v, r->size);
			*out = *r;
			break;
		}
	}
	spin_unlock(&p->region_lock);
	return found;
}

void platform_mmio(struct platform *p, u32 vcpu, gpa_t gpa, u8 width, bool write, u64 *value)
{
	u64 ecam = p->config.ecam.v;
	struct platform_region r;

	if (within(gpa.v, width, ecam, MIB(p->config.ecam_buses))) {
		if (write)
			vpci_ecam_write(&p->pci, gpa.v - ecam, width, *value);
		else
			*value = vpci_ecam_read(&p->pci, gpa.v - ecam, width);
	} else if (within(gpa.v, width, IOAPIC_BASE, IOAPIC_SIZE)) {
		mmio_ioapic(p, vcpu, (u32)(gpa.v - IOAPIC_BASE), width, write, value);
	} else if (region_find(p, gpa.v, width, &r)) {
		r.fn(r.ctx, vcpu, gpa.v - r.base.v, width, write, value);
	} else {
		if (!write)
			*value = width == 8 ? ~(u64)0 : ((u64)1 << 8 * width) - 1;
		platform_refuse(p, vcpu, PLATFORM_REFUSED_MMIO, gpa.v, width, write);
	}
}

static bool overlaps(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

int platform_region_add(struct platform *p, const struct platform_region *r)
{
	struct platform_region *t = p->config.regions;
	u64 end;
	u32 at;
	int err = OK;

	if (!r->size || !r->fn || __builtin_add_overflow(r->base.v, r->size, &end))
		return ERR_INVAL;
	if (overlaps(r->base.v, r->size, p->config.ecam.v, MIB(p->config.ecam_buses)) ||
	    overlaps(r->base.v, r->size, LAYOUT_APIC_START, LAYOUT_4G - LAYOUT_APIC_START))
		return ERR_EXIST;
	spin_lock(&p->region_lock);
	for (at = 0; at < p->nregions && t[at].base.v < end; at++)
		if (overlaps(r->base.v, r->size, t[at].base.v, t[at].size))
			err = ERR_EXIST;
	if (!err && p->nregions == p->config.max_regions)
		err = ERR_NOMEM;
	if (!err) {
		memmove(&t[at + 1], &t[at], (p->nregions - at) * sizeof(*t));
		t[at] = *r;
		p->nregions++;
	}
	spin_unlock(&p->region_lock);
	return err;
}

int platform_region_remove(struct platform *p, gpa_t base)
{
	struct platform_region *t = p->config.regions;
	int err = ERR_NOENT;

	spin_lock(&p->region_lock);
	for (u32 i = 0; i < p->nregions; i++)
		if (t[i].base.v == base.v) {
			memmove(&t[i], &t[i + 1], (p->nregions - i - 1) * sizeof(*t));
			p->nregions--;
			err = OK;
			break;
		}
	spin_unlock(&p->region_lock);
	return err;
}
