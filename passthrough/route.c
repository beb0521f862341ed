#include "passthrough/route.h"

/*
 * SDM vol. 3 §10.11.1, §10.11.2. The redirection hint (bit 3) does not count: an entry has one
 * destination, and Linux sends logical messages without it, which every platform takes as logical.
 */
#define MSI_BASE       0xfee00000u
#define MSI_BASE_MASK  0xfff00000u
#define MSI_LOGICAL    0x4u
#define MSI_REMAPPABLE 0x10u /* VT-d 4.1 §5.1.2.2: interrupt format */
#define DATA_LEVEL     0x8000u

enum { MODE_FIXED, MODE_LOWEST };

enum route_refusal route_decode(const struct pdev_guest_msi *m, bool extended,
				struct route_message *out)
{
	u32 a = (u32)m->address, mode = m->data >> 8 & 7;

	*out = (struct route_message){
	    .destination = a >> 12 & 0xff,
	    .vector = (u8)m->data,
	    .logical = a & MSI_LOGICAL,
	    .lowest = mode == MODE_LOWEST,
	};
	/* 64-bit addresses below 2^32 alone are interrupts */
	if (m->address >> 32 || (a & MSI_BASE_MASK) != MSI_BASE)
		return ROUTE_ADDRESS;
	if (extended)
		out->destination |= (a >> 5 & 0x7f) << 8;
	else if (a & MSI_REMAPPABLE)
		return ROUTE_ADDRESS;
	if (mode != MODE_FIXED && mode != MODE_LOWEST)
		return ROUTE_DELIVERY;
	if (m->data & DATA_LEVEL)
		return ROUTE_TRIGGER;
	if (out->vector < 16)
		return ROUTE_VECTOR;
	return ROUTE_OK;
}

const char *route_refusal_text(enum route_refusal r)
{
	static const char *const text[ROUTE_REFUSALS] = {
	    [ROUTE_OK] = "accepted",
	    [ROUTE_ADDRESS] = "its address is no interrupt of the guest's own APICs",
	    [ROUTE_DELIVERY] = "only fixed and lowest-priority delivery are allowed",
	    [ROUTE_TRIGGER] = "a message is never level-triggered",
	    [ROUTE_VECTOR] = "vectors below 16 are exceptions",
	    [ROUTE_TARGET] = "no core of the workstation has that APIC id",
	};

	return r < ROUTE_REFUSALS ? text[r] : "unknown";
}

static int refuse(struct route_counts *count, enum route_refusal r)
{
	count->refused[r]++;
	return ERR_PERM;
}

int route_resolve(const struct route_cores *c, const struct pdev_guest_msi *m,
		  struct iommu_irq *out, struct route_counts *count)
{
	struct route_message message;
	enum route_refusal r = route_decode(m, c->extended, &message);
	u32 vcpu;

	if (r)
		return refuse(count, r);
	if (!c->first(c->ctx, &message, &vcpu) || vcpu >= c->ncpus)
		return refuse(count, ROUTE_TARGET);
	*out = (struct iommu_irq){.apic_id = c->apic_ids[vcpu], .vector = message.vector};
	return OK;
}

int route_open(struct route_device *r, struct iommu_device *dev, u16 count)
{
	int err;

	if (r->dev)
		return ERR_BUSY;
	err = iommu_irq_alloc(dev, count, &r->first);
	if (err)
		return err;
	r->dev = dev;
	r->count = count;
	return OK;
}

/* A device that was blocked meanwhile, because it stormed, has no entries any more. */
static bool done(int err)
{
	return !err || err == ERR_BUSY;
}

int route_close(struct route_device *r)
{
	int err;

	if (!r->dev)
		return OK;
	err = iommu_irq_free(r->dev, r->first, r->count);
	if (done(err)) {
		err = OK;
		r->dev = NULL;
	}
	return err;
}

int route_clear(struct route_device *r, u32 index)
{
	if (!r->dev)
		return ERR_BUSY;
	if (index >= r->count)
		return ERR_RANGE;
	int err = iommu_irq_clear(r->dev, (u16)(r->first + index));

	return done(err) ? OK : err;
}

int route_set(struct route_device *r, const struct route_cores *c, u32 index,
	      const struct pdev_guest_msi *m, struct pdev_host_msi *out)
{
	struct iommu_message message;
	struct iommu_irq irq;
	u16 entry;
	int err;

	if (!r->dev)
		return ERR_BUSY;
	if (index >= r->count)
		return ERR_RANGE;
	entry = (u16)(r->first + index);
	err = route_resolve(c, m, &irq, &r->counts);
	if (err) {
		int blocked = iommu_irq_clear(r->dev, entry);

		return blocked ? blocked : err;
	}
	err = iommu_irq_set(r->dev, entry, &irq);
	if (!err)
		err = iommu_irq_message(r->dev, entry, &message);
	if (!err)
		*out = (struct pdev_host_msi){message.msi_address, message.msi_data};
	return err;
}
