/* Multiboot2 information (specification 2.0, §3.6). */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/metal/boot/boot_info.h"
#include "core/metal/layout.h"

enum tag_type {
	TAG_END = 0,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

struct tag {
	u32 type, size;
};

struct memory_tag {
	struct tag tag;
	u32 entry_size, entry_version;
};

struct memory_entry {
	u64 base, size;
	u32 type, reserved;
};

struct module_tag {
	struct tag tag;
	u32 start, end;
};

struct framebuffer_tag {
	struct tag tag;
	u64 base;
	u32 pitch, width, height;
	u8 bits, type;
	u16 reserved;
	u8 red_shift, red_bits, green_shift, green_bits, blue_shift, blue_bits;
};

#define MEMORY_AVAILABLE     1
#define FRAMEBUFFER_RGB	     1
#define FRAMEBUFFER_RGB_SIZE 38 /* bytes; C's struct is padded behind its end */
#define RSDP_MAX	     64

static int read_memory(const struct memory_tag *t, struct boot_info *out)
{
	if (t->entry_size < sizeof(struct memory_entry))
		return ERR_INVAL;
	for (u32 at = sizeof(*t); at + t->entry_size <= t->tag.size; at += t->entry_size) {
		const struct memory_entry *e = (const void *)((const char *)t + at);
		int err =
		    boot_add_memory(out, e->base, e->size,
				    e->type == MEMORY_AVAILABLE ? MEMORY_RAM : MEMORY_RESERVED);

		if (err)
			return err;
	}
	return OK;
}

static void read_framebuffer(const struct framebuffer_tag *f, struct boot_info *out)
{
	if (f->tag.size < FRAMEBUFFER_RGB_SIZE || f->type != FRAMEBUFFER_RGB)
		return;
	out->fb = (struct boot_framebuffer){
	    .base = f->base,
	    .width = f->width,
	    .height = f->height,
	    .pitch = f->pitch,
	    .bits = f->bits,
	    .red_shift = f->red_shift,
	    .green_shift = f->green_shift,
	    .blue_shift = f->blue_shift,
	};
}

/*
 * The tag holds a copy of the RSDP, not its address, in memory that may be the hypervisor's own by
 * the time it is read; a copy in the image is not.
 */
static int take_rsdp(const struct tag *t, struct boot_info *out)
{
	static u8 rsdp[RSDP_MAX] __aligned(16);
	u32 size = t->size - sizeof(*t);

	if (size > sizeof(rsdp))
		return ERR_RANGE;
	memcpy(rsdp, t + 1, size);
	out->rsdp = (u64)rsdp - IMAGE_BASE;
	return OK;
}

int boot_from_multiboot2(u64 pa, struct boot_info *out)
{
	const u32 *total = (const void *)pa;
	u64 at = pa + 8, end = pa + *total;

	out->source = BOOT_FROM_MULTIBOOT2;
	while (at + sizeof(struct tag) <= end) {
		const struct tag *t = (const void *)at;
		int err = OK;

		if (t->type == TAG_END)
			return OK;
		if (t->size < sizeof(*t) || t->size > end - at)
			return ERR_RANGE;
		switch (t->type) {
		case TAG_MODULE:
			if (!out->bundle_size) {
				const struct module_tag *m = (const void *)t;

				out->bundle = m->start;
				out->bundle_size = m->end - m->start;
			}
			break;
		case TAG_MEMORY_MAP:
			err = read_memory((const void *)t, out);
			break;
		case TAG_FRAMEBUFFER:
			read_framebuffer((const void *)t, out);
			break;
		case TAG_ACPI_OLD:
			if (!out->rsdp)
				err = take_rsdp(t, out);
			break;
		case TAG_ACPI_NEW:
			err = take_rsdp(t, out);
			break;
		default:
			break;
		}
		if (err)
			return err;
		at += align_up(t->size, 8);
	}
	return ERR_RANGE;
}
