#include "iommu/fault.h"
#include "core/base/fmt.h"
#include "iommu/domain.h"
#include "iommu/start.h"

#define SECOND 1000000000ull

/* What happened, and what it is about: an address, an interrupt entry, or neither. */
static const struct {
	const char *text;
	enum { AT_ADDRESS, AT_ENTRY, AT_NOTHING } about;
} kinds[IOMMU_FAULT_KINDS] = {
    [IOMMU_FAULT_BLOCKED] = {"the device belongs to nobody", AT_ADDRESS},
    [IOMMU_FAULT_NOT_PRESENT] = {"nothing is mapped there", AT_ADDRESS},
    [IOMMU_FAULT_READ] = {"it is not mapped for reading", AT_ADDRESS},
    [IOMMU_FAULT_WRITE] = {"it is not mapped for writing", AT_ADDRESS},
    [IOMMU_FAULT_ADDRESS_WIDTH] = {"no table reaches that far", AT_ADDRESS},
    [IOMMU_FAULT_INTERRUPT] = {"the entry is not set, or not this device's", AT_ENTRY},
    [IOMMU_FAULT_INTERRUPT_COMPAT] = {"only remapped interrupts pass", AT_NOTHING},
    [IOMMU_FAULT_TRANSLATION_REQUEST] = {"it may not use translations of its own", AT_ADDRESS},
    [IOMMU_FAULT_STRUCTURE] = {"an entry of the hypervisor's is malformed", AT_ADDRESS},
    [IOMMU_FAULT_TABLE_ACCESS] = {"the unit could not read its tables", AT_ADDRESS},
    [IOMMU_FAULT_COMMAND] = {"the unit refused a command of the hypervisor's", AT_NOTHING},
    [IOMMU_FAULT_DEVICE_TLB] = {"the device does not let go of old translations", AT_NOTHING},
    [IOMMU_FAULT_OTHER] = {"see the reason", AT_ADDRESS},
};

void iommu_fault_text(const struct iommu_fault *f, const char *driver, const char *owner, char *out,
		      size_t size)
{
	u32 kind = (u32)f->kind < IOMMU_FAULT_KINDS ? f->kind : IOMMU_FAULT_OTHER;
	char who[64] = "a unit", what[64];

	if (f->has_rid)
		fmt(who, sizeof(who), "%04x:%02x:%02x.%x%s%.31s%s", f->segment, f->rid >> 8,
		    f->rid >> 3 & 31, f->rid & 7, owner[0] ? " (" : "", owner, owner[0] ? ")" : "");
	if (kinds[kind].about == AT_ENTRY)
		fmt(what, sizeof(what), "interrupt by entry %llu blocked",
		    (unsigned long long)f->address);
	else if (kind == IOMMU_FAULT_INTERRUPT_COMPAT)
		fmt(what, sizeof(what), "interrupt blocked");
	else if (kinds[kind].about == AT_NOTHING || !f->has_address)
		fmt(what, sizeof(what), "%s", f->write ? "write" : "request");
	else
		fmt(what, sizeof(what), "%s %#llx blocked", f->write ? "write to" : "read of",
		    (unsigned long long)f->address);
	fmt(out, size, "%s: %s: %s [%s %xh, %s]%s", who, what, kinds[kind].text, driver, f->code,
	    f->reason ? f->reason : "", f->lost ? "; records before it were lost" : "");
}

/* Count one fault; says whether it may still be told. A second that ended is summed up first. */
static bool count(struct iommu_fault_rate *r, const char *who, u64 now)
{
	if (now - r->since_ns >= SECOND) {
		if (r->seen > r->told)
			port_log(LOG_WARN, "iommu: %s: %u more faults", who, r->seen - r->told);
		*r = (struct iommu_fault_rate){.since_ns = now};
	}
	r->seen++;
	if (r->told >= FAULT_LINES_A_SECOND)
		return false;
	r->told++;
	return true;
}

static void stop_device(struct iommu_device *dev, const struct iommu_fault_handler *h,
			const char *reason, const char *line)
{
	u32 owner = dev->owner;
	int err = iommu_detach(dev, true);

	port_log(LOG_WARN, "iommu: %s: %s%s%s", line, reason,
		 err ? ", and could not be blocked: " : "", err ? err_text(err) : "");
	if (h->blocked)
		h->blocked(h->ctx, dev, owner, line);
}

static void handle(struct iommu *io, const struct iommu_fault_handler *h,
		   const struct iommu_fault *f)
{
	struct iommu_device *dev = f->has_rid ? iommu_find(io, f->segment, f->rid) : NULL;
	const char *owner = "";
	char line[FAULT_TEXT], who[16];
	u64 now = port_time_ns();

	if (dev && dev->owner != IOMMU_NO_OWNER)
		owner = h->owner_name(h->ctx, dev->owner);
	iommu_fault_text(f, io->ops->name, owner, line, sizeof(line));
	if (!dev) {
		if (count(&io->stray, "requesters that are no device", now))
			port_log(LOG_WARN, "iommu: %s", line);
		return;
	}
	fmt(who, sizeof(who), "%04x:%02x:%02x.%x", f->segment, f->rid >> 8, f->rid >> 3 & 31,
	    f->rid & 7);
	dev->faults++;
	if (h->fault)
		h->fault(h->ctx, dev, f);
	if (f->kind == IOMMU_FAULT_DEVICE_TLB)
		stop_device(dev, h, "it is blocked until it is reset", line);
	else if (count(&dev->rate, who, now))
		port_log(LOG_WARN, "iommu: %s", line);
	if (dev->rate.seen >= FAULT_STORM && dev->state != IOMMU_DEV_SILENCED)
		stop_device(dev, h, "that many faults a second: it is blocked until it is reset",
			    line);
}

int iommu_faults_take(struct iommu *io, const struct iommu_fault_handler *h, u32 budget)
{
	int first_err = OK;
	u32 taken = 0;

	for (u32 i = 0; i < io->nunits; i++) {
		struct iommu_unit *u = &io->units[i];

		while (taken < budget) {
			struct iommu_fault f;
			int got;

			spin_lock(&u->lock);
			got = io->ops->poll(u, &f);
			spin_unlock(&u->lock);
			if (got <= 0) {
				first_err = first_err ? first_err : got;
				break;
			}
			taken++;
			io->faults++;
			handle(io, h, &f);
		}
	}
	return first_err ? first_err : (int)taken;
}
