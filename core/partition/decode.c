#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/partition/blob.h"
#include "core/partition/blob_format.h"
#include "core/port.h"

/*
 * One pass serves both questions: with no arena it only counts what it would take. Each level of
 * nesting is a function of its own, so hostile nesting cannot deepen the stack.
 */
struct decoder {
	const u8 *in;
	u8 *arena; /* NULL: count only */
	u64 arena_size, used;
	struct blob_error *why;
};

struct span {
	u64 at, end;
};

struct record {
	u16 tag;
	struct span body;
};

#define FAIL(d, off, err, ...) \
	((d)->why->offset = (off), fmt((d)->why->text, sizeof((d)->why->text), __VA_ARGS__), (err))

static int take(struct decoder *d, u64 at, u64 n, u64 size, void **out)
{
	u64 bytes;

	*out = NULL;
	/* n is bounded by the blob's own size, so this cannot wrap. */
	bytes = align_up(n * size, 8);
	if (d->arena) {
		if (bytes > d->arena_size - d->used)
			return FAIL(d, at, ERR_NOMEM, "no room for the decoded plan");
		*out = d->arena + d->used;
		memset(*out, 0, bytes);
	}
	d->used += bytes;
	return OK;
}

/* The next record in *s; 0 at its end, 1, or an error. */
static int next(struct decoder *d, struct span *s, struct record *r)
{
	struct blob_record b;

	if (s->at == s->end)
		return 0;
	if (s->end - s->at < sizeof(b))
		return FAIL(d, s->at, ERR_RANGE, "a record's head leaves what holds it");
	memcpy(&b, d->in + s->at, sizeof(b));
	if (b.size > s->end - s->at - sizeof(b) || align_up(b.size, 8) > s->end - s->at - sizeof(b))
		return FAIL(d, s->at, ERR_RANGE, "record %u of %u bytes leaves what holds it",
			    b.tag, b.size);
	r->tag = b.tag;
	r->body.at = s->at + sizeof(b);
	r->body.end = r->body.at + b.size;
	s->at = r->body.at + align_up(b.size, 8);
	if (b.flags & ~BLOB_MUST_KNOW)
		return FAIL(d, r->body.at, ERR_VERSION, "record %u has flags from a later version",
			    b.tag);
	return 1;
}

static int unknown(struct decoder *d, const struct record *r)
{
	struct blob_record b;

	memcpy(&b, d->in + r->body.at - sizeof(b), sizeof(b));
	if (b.flags & BLOB_MUST_KNOW)
		return FAIL(d, r->body.at, ERR_VERSION,
			    "it holds record %u, which this version does not know", r->tag);
	return OK;
}

static int fixed(struct decoder *d, const struct record *r, void *out, u64 size)
{
	if (r->body.end - r->body.at < size)
		return FAIL(d, r->body.at, ERR_RANGE, "record %u has %lu bytes, not %lu", r->tag,
			    r->body.end - r->body.at, size);
	memcpy(out, d->in + r->body.at, size);
	return OK;
}

static int string(struct decoder *d, const struct record *r, u64 max, const char **out)
{
	u64 n = r->body.end - r->body.at;
	void *copy;
	int err;

	if (*out)
		return FAIL(d, r->body.at, ERR_INVAL, "string %u comes twice", r->tag);
	if (n > max)
		return FAIL(d, r->body.at, ERR_RANGE, "string %u has %lu bytes, at most %lu can be",
			    r->tag, n, max);
	for (u64 i = r->body.at; i < r->body.end; i++)
		if (!d->in[i])
			return FAIL(d, i, ERR_INVAL, "string %u has a NUL inside", r->tag);
	err = take(d, r->body.at, n + 1, 1, &copy);
	if (err)
		return err;
	if (copy)
		memcpy(copy, d->in + r->body.at, n);
	*out = copy ? copy : "";
	return OK;
}

/* How many records with that tag are in the span. The records are well-formed or it is an error. */
static int count(struct decoder *d, struct span s, u16 tag, u32 *n)
{
	struct record r;
	int more;

	for (*n = 0; (more = next(d, &s, &r)) > 0;)
		*n += r.tag == tag;
	return more;
}

static int decode_device(struct decoder *d, struct span s, struct plan_device *out)
{
	struct plan_device dev = {0};
	struct blob_device b;
	bool seen = false;
	struct record r;
	u64 start = s.at;
	int err;

	while ((err = next(d, &s, &r)) > 0) {
		switch (r.tag) {
		case TAG_DEV_FIXED:
			err = fixed(d, &r, &b, sizeof(b));
			seen = true;
			break;
		case TAG_DEV_ROM:
			err = string(d, &r, PLAN_STRING_MAX, &dev.rom);
			break;
		default:
			err = unknown(d, &r);
		}
		if (err)
			return err;
	}
	if (err)
		return err;
	if (!seen)
		return FAIL(d, start, ERR_INVAL, "a device without its fixed part");
	if (!b.depth || b.depth > PCI_PATH_MAX)
		return FAIL(d, start, ERR_RANGE, "a device path of %u hops", b.depth);
	if (b.flags & ~(BLOB_DEV_KEEP_RESERVED | BLOB_DEV_SRIOV_VFS | BLOB_DEV_P2P))
		return FAIL(d, start, ERR_VERSION, "a device has flags from a later version");
	dev.path = (struct pci_path){
	    .segment = b.segment,
	    .root_bus = b.root_bus,
	    .depth = b.depth,
	};
	memcpy(dev.path.devfn, b.devfn, b.depth);
	dev.vendor = b.vendor;
	dev.device = b.device;
	dev.subvendor = b.subvendor;
	dev.subdevice = b.subdevice;
	dev.serial = b.serial;
	dev.guest_devfn = b.guest_devfn;
	dev.num_vfs = b.num_vfs;
	dev.keep_reserved = b.flags & BLOB_DEV_KEEP_RESERVED;
	dev.sriov_vfs = b.flags & BLOB_DEV_SRIOV_VFS;
	dev.p2p = b.flags & BLOB_DEV_P2P;
	if (out)
		*out = dev;
	return OK;
}

static int decode_cpus(struct decoder *d, const struct record *r, struct plan_workstation *ws)
{
	u64 bytes = r->body.end - r->body.at;
	void *list;
	int err;

	if (ws->cpus || bytes % sizeof(u32))
		return FAIL(d, r->body.at, ERR_INVAL, "a malformed or second list of cores");
	err = take(d, r->body.at, bytes, 1, &list);
	if (err)
		return err;
	if (list)
		memcpy(list, d->in + r->body.at, bytes);
	ws->cpus = list;
	ws->ncpus = (u32)(bytes / sizeof(u32));
	return OK;
}

static int decode_ram(struct decoder *d, const struct record *r, struct plan_workstation *ws)
{
	u64 bytes = r->body.end - r->body.at;
	u64 n = bytes / sizeof(struct blob_ram);
	struct plan_ram *ram;
	void *list;
	int err;

	if (ws->ram || bytes % sizeof(struct blob_ram))
		return FAIL(d, r->body.at, ERR_INVAL, "a malformed or second list of RAM");
	err = take(d, r->body.at, n, sizeof(*ram), &list);
	if (err)
		return err;
	ram = list;
	for (u64 i = 0; ram && i < n; i++) {
		struct blob_ram b;

		memcpy(&b, d->in + r->body.at + i * sizeof(b), sizeof(b));
		ram[i] = (struct plan_ram){GPA(b.gpa), PADDR(b.hpa), b.size};
	}
	ws->ram = ram;
	ws->nram = (u32)n;
	return OK;
}

static int check_workstation(struct decoder *d, u64 at, const struct blob_ws *b)
{
	if (b->boot > BOOT_BZIMAGE)
		return FAIL(d, at, ERR_VERSION, "it wants a way of booting (%u) of a later version",
			    b->boot);
	if (b->rights & ~RIGHT_SERVICE)
		return FAIL(d, at, ERR_VERSION, "it gives rights (%#x) of a later version",
			    b->rights);
	if (b->flags & ~BLOB_WS_AUTOSTART)
		return FAIL(d, at, ERR_VERSION, "a workstation has flags from a later version");
	return OK;
}

/* A part that a workstation has once, and whose order does not matter. */
static int decode_part(struct decoder *d, const struct record *r, struct plan_workstation *ws)
{
	const struct {
		u16 tag;
		u64 max;
		const char **to;
	} strings[] = {
	    {TAG_WS_NAME, PLAN_NAME_MAX, &ws->name},
	    {TAG_WS_SERIAL, PLAN_STRING_MAX, &ws->serial},
	    {TAG_WS_KERNEL, PLAN_STRING_MAX, &ws->kernel},
	    {TAG_WS_INITRD, PLAN_STRING_MAX, &ws->initrd},
	    {TAG_WS_CMDLINE, PLAN_CMDLINE_MAX, &ws->cmdline},
	};

	for (u32 i = 0; i < ARRAY_SIZE(strings); i++)
		if (r->tag == strings[i].tag)
			return string(d, r, strings[i].max, strings[i].to);
	if (r->tag == TAG_WS_CPUS)
		return decode_cpus(d, r, ws);
	if (r->tag == TAG_WS_RAM)
		return decode_ram(d, r, ws);
	return unknown(d, r);
}

static int decode_workstation(struct decoder *d, struct span s, struct plan_workstation *out)
{
	struct plan_workstation ws = {0};
	struct plan_device *devices;
	bool seen = false;
	struct record r;
	struct blob_ws b;
	u64 start = s.at;
	u32 n = 0, ndevices;
	void *list;
	int err;

	err = count(d, s, TAG_WS_DEVICE, &ndevices);
	if (err)
		return err;
	err = take(d, start, ndevices, sizeof(*devices), &list);
	if (err)
		return err;
	devices = list;
	while ((err = next(d, &s, &r)) > 0) {
		switch (r.tag) {
		case TAG_WS_FIXED:
			err = fixed(d, &r, &b, sizeof(b));
			if (!err)
				err = check_workstation(d, r.body.at, &b);
			seen = true;
			break;
		case TAG_WS_DEVICE:
			if (n == ndevices)
				return FAIL(d, r.body.at, ERR_CORRUPT, "it changed while read");
			err = decode_device(d, r.body, devices ? &devices[n] : NULL);
			n++;
			break;
		default:
			err = decode_part(d, &r, &ws);
		}
		if (err)
			return err;
	}
	if (err)
		return err;
	if (!seen || !ws.name || !ws.kernel)
		return FAIL(d, start, ERR_INVAL, "a workstation without its %s",
			    !seen     ? "fixed part"
			    : ws.name ? "kernel"
				      : "name");
	if (!out)
		return OK;
	ws.serial = ws.serial ? ws.serial : "";
	ws.cmdline = ws.cmdline ? ws.cmdline : "";
	memcpy(ws.uuid, b.uuid, sizeof(ws.uuid));
	ws.rights = b.rights;
	ws.boot = b.boot;
	ws.autostart = b.flags & BLOB_WS_AUTOSTART;
	ws.grant = (struct plan_range){PADDR(b.grant_base), b.grant_size};
	ws.devices = devices;
	ws.ndevices = n;
	*out = ws;
	return OK;
}

static int check_header(struct decoder *d, u64 size, struct span *s)
{
	struct blob_header h;
	u32 crc;

	if (size < sizeof(h))
		return FAIL(d, 0, ERR_RANGE, "it is cut short: %lu bytes", size);
	memcpy(&h, d->in, sizeof(h));
	if (h.magic != BLOB_MAGIC)
		return FAIL(d, 0, ERR_CORRUPT, "it is not a Caprock plan");
	if (h.major != BLOB_MAJOR)
		return FAIL(d, 8, ERR_VERSION,
			    "it has version %u.%u, this hypervisor reads %u.x: build the medium "
			    "again with the caprock of this version",
			    h.major, h.minor, BLOB_MAJOR);
	if (h.size != size)
		return FAIL(d, 16, h.size > size ? ERR_RANGE : ERR_CORRUPT,
			    "it is %s: %lu bytes, its header says %lu",
			    h.size > size ? "cut short" : "too long", size, h.size);
	if (h.header_size < sizeof(h) || h.header_size > size || h.header_size % 8)
		return FAIL(d, 12, ERR_RANGE, "its header claims %u bytes", h.header_size);
	/* As encoded: with 0 in place of the sum. */
	crc = h.crc;
	h.crc = 0;
	u32 sum = crc32c(crc32c(0, &h, sizeof(h)), d->in + sizeof(h), size - sizeof(h));

	if (sum != crc)
		return FAIL(d, 24, ERR_CORRUPT, "its checksum is wrong: %08x, computed %08x", crc,
			    sum);
	*s = (struct span){h.header_size, size};
	return OK;
}

static int decode(struct decoder *d, u64 size, struct plan *out)
{
	struct plan_workstation *workstations;
	struct plan p = {0};
	struct blob_plan b;
	bool seen = false;
	struct record r;
	struct span s;
	u32 n = 0;
	void *list;
	int err;

	err = check_header(d, size, &s);
	if (err)
		return err;
	err = count(d, s, TAG_WORKSTATION, &p.nworkstations);
	if (err)
		return err;
	err = take(d, s.at, p.nworkstations, sizeof(*workstations), &list);
	if (err)
		return err;
	workstations = list;
	while ((err = next(d, &s, &r)) > 0) {
		switch (r.tag) {
		case TAG_PLAN:
			err = fixed(d, &r, &b, sizeof(b));
			seen = true;
			break;
		case TAG_WORKSTATION:
			if (n == p.nworkstations)
				return FAIL(d, r.body.at, ERR_CORRUPT, "it changed while read");
			err = decode_workstation(d, r.body, workstations ? &workstations[n] : NULL);
			n++;
			break;
		default:
			err = unknown(d, &r);
		}
		if (err)
			return err;
	}
	if (err)
		return err;
	if (!seen)
		return FAIL(d, 0, ERR_INVAL, "it has no part about the hypervisor");
	if (b.log_level > LOG_DEBUG)
		return FAIL(d, 0, ERR_RANGE, "its log level is %u", b.log_level);
	p.hv = (struct plan_range){PADDR(b.hv_base), b.hv_size};
	p.bundle = (struct plan_range){PADDR(b.bundle_base), b.bundle_size};
	p.host_cpu = b.host_cpu;
	p.log_level = (u8)b.log_level;
	p.nworkstations = n;
	p.workstations = workstations;
	if (out)
		*out = p;
	return OK;
}

u64 blob_arena_size(const void *in, u64 size)
{
	struct blob_error why;
	struct decoder d = {.in = in, .why = &why};

	return decode(&d, size, NULL) ? 0 : d.used;
}

int blob_decode(const void *in, u64 size, void *arena, u64 arena_size, struct plan *out,
		struct blob_error *why)
{
	struct decoder d = {.in = in, .why = why};
	int err;

	/* First without the arena: what is wrong with a blob does not depend on room for it. */
	*why = (struct blob_error){0};
	err = decode(&d, size, NULL);
	if (err)
		return err;
	d.arena = arena;
	d.arena_size = arena_size;
	d.used = 0;
	return decode(&d, size, out);
}
