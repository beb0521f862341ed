#include <stdio.h>
#include <string.h>

#include "core/base/cpio_write.h"
#include "core/vcpu/load.h"
#include "profiles/host/study/heads.h"
#include "vgpu/edid.h"

#define ALIGN 512 /* as cpio(1) fills up an archive */

/* What an initial RAM disk begins with that Linux unpacks (lib/decompress.c, init/initramfs.c). */
static const struct {
	u8 n;
	u8 bytes[6];
} initramfs[] = {
    {5, "07070"},
    {2, {0x1f, 0x8b}},
    {2, {0x1f, 0x9e}},
    {3, "BZh"},
    {2, {0x5d, 0x00}},
    {6, {0xfd, '7', 'z', 'X', 'Z', 0}},
    {4, {0x89, 'L', 'Z', 'O'}},
    {4, {0x02, 0x21, 0x4c, 0x18}},
    {4, {0x28, 0xb5, 0x2f, 0xfd}},
};

static void untold(struct study *s, const struct profile *p, struct place at, const char *remedy,
		   const char *file, const char *why)
{
	report(&s->r, "head-untold", SEVERITY_ERROR, at, remedy,
	       "the kernel of %s cannot be told of its head: %s %s", p->name, file, why);
}

/* At most `room` bytes from a file's start. False: it cannot be read, which is reported elsewhere. */
static bool read_start(const char *path, u8 *to, size_t room, size_t *n)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return false;
	*n = fread(to, 1, room, f);
	fclose(f);
	return true;
}

static bool is_initramfs(const u8 *start, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(initramfs); i++)
		if (n >= initramfs[i].n && !memcmp(start, initramfs[i].bytes, initramfs[i].n))
			return true;
	return false;
}

/* Words are read by Linux alone, and of Linux a bzImage is known to be one. */
static bool check_kernel(struct study *s, const struct profile *p, const struct profile_head *h)
{
	u8 start[LOAD_HEAD];
	size_t n;

	if (!read_start(p->kernel, start, sizeof(start), &n))
		return false;
	if (load_is_bzimage(start, n))
		return true;
	untold(s, p, h->p.at,
	       "Name Linux's bzImage as 'kernel:', or leave mode and EDID to the workstation",
	       p->kernel, "is no Linux bzImage");
	return false;
}

static bool check_initrd(struct study *s, const struct profile *p, const struct profile_head *h)
{
	u8 start[sizeof(initramfs[0].bytes)];
	size_t n;

	if (p->initrd && !read_start(p->initrd, start, sizeof(start), &n))
		return false;
	if (p->initrd && is_initramfs(start, n))
		return true;
	untold(s, p, PLACE_OF(h, edid),
	       "Name one as 'initrd:', as a distribution's tools make it, or leave the EDID out",
	       p->initrd ? p->initrd : "an EDID goes with its initial RAM disk, and it",
	       p->initrd ? "is no archive that an EDID could stand in front of" : "has none");
	return false;
}

static void add_edid(struct study *s, const struct profile *p, u32 nth, const struct head *head,
		     struct cpio_writer *w)
{
	const struct profile_head *h = &p->heads[nth];
	char name[96];
	u8 edid[EDID_MAX + 1];
	const char *fault;
	size_t n;

	if (!read_start(h->edid, edid, sizeof(edid), &n))
		return;
	fault = edid_fault(edid, n);
	if (fault)
		untold(s, p, PLACE_OF(h, edid),
		       "Name a file as /sys/class/drm/*/edid has it, where that monitor is plugged "
		       "in",
		       h->edid, fault);
	else if (!head_edid_name(head, name, sizeof(name)) || cpio_put(w, name, CPIO_FILE, edid, n))
		untold(s, p, PLACE_OF(h, edid), "Report this", h->edid, "does not fit its place");
}

static bool begin(struct study *s, struct cpio_writer *w, u32 n)
{
	w->room = (n + 1) * (EDID_MAX + 512ull);
	w->out = chunks_take(&s->mem, 1, w->room);
	return !cpio_put(w, HEAD_EDID_FOLDER, CPIO_FOLDER, NULL, 0) &&
	       !cpio_put(w, HEAD_EDID_FOLDER "/" HEAD_EDID_SUBFOLDER, CPIO_FOLDER, NULL, 0);
}

const void *study_heads(struct study *s, u32 w, u64 *size)
{
	const struct profile *p = &s->site->workstations[w];
	const struct head *heads = s->resolved.workstations[w].heads;
	struct cpio_writer archive = {0};
	bool good = true, kernel = false;

	*size = 0;
	for (u32 i = 0; i < p->nheads && i < HEADS_MAX && good; i++) {
		const struct profile_head *h = &p->heads[i];

		if (!heads[i].connector[0] || !head_asks(h))
			continue;
		if (!kernel)
			good = kernel = !p->kernel || check_kernel(s, p, h);
		if (!good || !h->edid)
			continue;
		if (!archive.out)
			good = check_initrd(s, p, h) && begin(s, &archive, p->nheads);
		if (good)
			add_edid(s, p, i, &heads[i], &archive);
	}
	if (!good || !archive.out || cpio_end(&archive, ALIGN))
		return NULL;
	*size = archive.used;
	return archive.out;
}
