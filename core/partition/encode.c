#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/partition/blob.h"
#include "core/partition/blob_format.h"

/* Counts on when the buffer is full, so that one pass with no buffer tells the size. */
struct writer {
	u8 *out;
	u64 size, at;
};

static void put(struct writer *w, const void *data, u64 n)
{
	if (w->at <= w->size && n <= w->size - w->at)
		memcpy(w->out + w->at, data, n);
	w->at += n;
}

static u64 begin(struct writer *w, enum blob_tag tag)
{
	struct blob_record r = {.tag = (u16)tag, .flags = BLOB_MUST_KNOW};
	u64 at = w->at;

	put(w, &r, sizeof(r));
	return at;
}

static void end(struct writer *w, u64 record)
{
	static const u8 zeroes[8];
	u32 size = (u32)(w->at - record - sizeof(struct blob_record));

	if (w->at <= w->size)
		memcpy(w->out + record + offsetof(struct blob_record, size), &size, sizeof(size));
	put(w, zeroes, align_up(w->at, 8) - w->at);
}

static void put_record(struct writer *w, enum blob_tag tag, const void *data, u64 n)
{
	u64 record = begin(w, tag);

	put(w, data, n);
	end(w, record);
}

static void put_string(struct writer *w, enum blob_tag tag, const char *s)
{
	if (s)
		put_record(w, tag, s, str_len(s));
}

static void put_device(struct writer *w, const struct plan_device *d)
{
	struct blob_device b = {
	    .segment = d->path.segment,
	    .root_bus = d->path.root_bus,
	    .depth = d->path.depth,
	    .vendor = d->vendor,
	    .device = d->device,
	    .subvendor = d->subvendor,
	    .subdevice = d->subdevice,
	    .guest_devfn = d->guest_devfn,
	    .flags = (u8)((d->keep_reserved ? BLOB_DEV_KEEP_RESERVED : 0) |
			  (d->sriov_vfs ? BLOB_DEV_SRIOV_VFS : 0) | (d->p2p ? BLOB_DEV_P2P : 0)),
	    .num_vfs = d->num_vfs,
	    .serial = d->serial,
	};
	u64 record = begin(w, TAG_WS_DEVICE);

	if (d->path.depth <= PCI_PATH_MAX)
		memcpy(b.devfn, d->path.devfn, d->path.depth);
	put_record(w, TAG_DEV_FIXED, &b, sizeof(b));
	put_string(w, TAG_DEV_ROM, d->rom);
	end(w, record);
}

static void put_workstation(struct writer *w, const struct plan_workstation *ws)
{
	struct blob_ws b = {
	    .rights = ws->rights,
	    .boot = ws->boot,
	    .flags = ws->autostart ? BLOB_WS_AUTOSTART : 0,
	    .grant_base = ws->grant.base.v,
	    .grant_size = ws->grant.size,
	};
	u64 record = begin(w, TAG_WORKSTATION), list;

	memcpy(b.uuid, ws->uuid, sizeof(b.uuid));
	put_record(w, TAG_WS_FIXED, &b, sizeof(b));
	put_string(w, TAG_WS_NAME, ws->name);
	put_string(w, TAG_WS_SERIAL, ws->serial);
	put_string(w, TAG_WS_KERNEL, ws->kernel);
	put_string(w, TAG_WS_INITRD, ws->initrd);
	put_string(w, TAG_WS_CMDLINE, ws->cmdline);
	put_record(w, TAG_WS_CPUS, ws->cpus, ws->ncpus * sizeof(*ws->cpus));
	list = begin(w, TAG_WS_RAM);
	for (u32 i = 0; i < ws->nram; i++) {
		struct blob_ram r = {ws->ram[i].gpa.v, ws->ram[i].hpa.v, ws->ram[i].size};

		put(w, &r, sizeof(r));
	}
	end(w, list);
	for (u32 i = 0; i < ws->ndevices; i++)
		put_device(w, &ws->devices[i]);
	end(w, record);
}

static u64 encode(const struct plan *p, void *out, u64 size)
{
	struct writer w = {out, size, 0};
	struct blob_header h = {
	    .magic = BLOB_MAGIC,
	    .major = BLOB_MAJOR,
	    .minor = BLOB_MINOR,
	    .header_size = sizeof(h),
	};
	struct blob_plan b = {
	    .hv_base = p->hv.base.v,
	    .hv_size = p->hv.size,
	    .bundle_base = p->bundle.base.v,
	    .bundle_size = p->bundle.size,
	    .host_cpu = p->host_cpu,
	    .log_level = p->log_level,
	};

	put(&w, &h, sizeof(h));
	put_record(&w, TAG_PLAN, &b, sizeof(b));
	for (u32 i = 0; i < p->nworkstations; i++)
		put_workstation(&w, &p->workstations[i]);
	if (w.at <= size) {
		h.size = w.at;
		memcpy(out, &h, sizeof(h));
		h.crc = crc32c(0, out, w.at);
		memcpy(out, &h, sizeof(h));
	}
	return w.at;
}

u64 blob_size(const struct plan *p)
{
	return encode(p, NULL, 0);
}

int blob_encode(const struct plan *p, void *out, u64 size)
{
	return encode(p, out, size) <= size ? OK : ERR_RANGE;
}
