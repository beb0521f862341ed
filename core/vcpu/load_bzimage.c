/* Linux bzImage by its 64-bit entry (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"). */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/vcpu/load.h"

/* Offsets in the file's first sector and, unchanged, in struct boot_params. */
#define HDR_START	 0x1f1u
#define HDR_SETUP_SECTS	 0x1f1u
#define HDR_SYSSIZE	 0x1f4u
#define HDR_VID_MODE	 0x1fau
#define HDR_BOOT_FLAG	 0x1feu
#define HDR_LENGTH	 0x201u /* the jump's displacement: the header ends 202h + this */
#define HDR_MAGIC	 0x202u
#define HDR_VERSION	 0x206u
#define HDR_LOADER	 0x210u
#define HDR_LOADFLAGS	 0x211u
#define HDR_RAMDISK	 0x218u
#define HDR_RAMDISK_SIZE 0x21cu
#define HDR_CMDLINE	 0x228u
#define HDR_INITRD_MAX	 0x22cu
#define HDR_ALIGNMENT	 0x230u
#define HDR_RELOCATABLE	 0x234u
#define HDR_XLOADFLAGS	 0x236u
#define HDR_CMDLINE_SIZE 0x238u
#define HDR_SETUP_DATA	 0x250u
#define HDR_PREF_ADDRESS 0x258u
#define HDR_INIT_SIZE	 0x260u
#define HDR_END_MIN	 0x264u /* protocol 2.12 has all of the above */
#define HDR_END_MAX	 (0x202u + 0xffu)

/* Only in struct boot_params. */
#define BP_RSDP		    0x070u
#define BP_EXT_RAMDISK	    0x0c0u
#define BP_EXT_RAMDISK_SIZE 0x0c4u
#define BP_E820_ENTRIES	    0x1e8u
#define BP_E820		    0x2d0u
#define BP_SIZE		    4096u

#define VERSION_2_12	 0x020cu
#define LOADED_HIGH	 0x01u
#define KEEP_SEGMENTS	 0x40u
#define CAN_USE_HEAP	 0x80u
#define XLF_KERNEL_64	 0x01u
#define XLF_ABOVE_4G	 0x02u
#define ENTRY_64	 0x200u
#define VIDEO_NORMAL	 0xffffu
#define LOADER_UNDEFINED 0xffu
#define E820_MAX	 32u

struct bzimage {
	const struct load_request *r;
	struct load_error *why;
	u8 header[HDR_END_MAX - HDR_START];
	u32 header_end; /* offset in the file */
	u64 image;	/* file offset of the protected-mode part */
	u64 image_size;
	u64 load; /* guest-physical */
	u64 init_size;
	u64 initrd; /* 0: none */
};

static u64 get(const struct bzimage *b, u32 off, u32 width)
{
	u64 v = 0;

	memcpy(&v, &b->header[off - HDR_START], width);
	return v;
}

static void put(struct bzimage *b, u32 off, u32 width, u64 v)
{
	memcpy(&b->header[off - HDR_START], &v, width);
}

static int read_header(struct bzimage *b)
{
	const struct load_file *f = &b->r->kernel;
	int err;

	if (f->size < HDR_END_MIN)
		return load_fail(b->why, ERR_RANGE, "the kernel is too short to be a bzImage");
	err = b->r->io->read(b->r->io->ctx, f, HDR_START, b->header,
			     min_u64(f->size, HDR_END_MAX) - HDR_START);
	if (err)
		return load_fail(b->why, err, "the kernel could not be read: %s", err_text(err));
	if (get(b, HDR_BOOT_FLAG, 2) != 0xaa55 ||
	    memcmp(&b->header[HDR_MAGIC - HDR_START], "HdrS", 4) != 0)
		return load_fail(b->why, ERR_INVAL, "the kernel is not a bzImage");
	if (get(b, HDR_VERSION, 2) < VERSION_2_12)
		return load_fail(
		    b->why, ERR_VERSION,
		    "the kernel speaks boot protocol %u.%02u, 2.12 (Linux 3.8) is needed",
		    (unsigned)get(b, HDR_VERSION + 1, 1), (unsigned)get(b, HDR_VERSION, 1));
	b->header_end = (u32)(HDR_MAGIC + get(b, HDR_LENGTH, 1));
	if (b->header_end < HDR_END_MIN || b->header_end > f->size)
		return load_fail(b->why, ERR_CORRUPT, "the bzImage's header has a wrong length");
	return OK;
}

static int check_header(struct bzimage *b)
{
	u64 sects = get(b, HDR_SETUP_SECTS, 1);
	u64 align = get(b, HDR_ALIGNMENT, 4);
	u64 size = b->r->kernel.size;

	if (!(get(b, HDR_XLOADFLAGS, 2) & XLF_KERNEL_64))
		return load_fail(b->why, ERR_UNSUPPORTED, "the bzImage has no 64-bit entry");
	if (!(get(b, HDR_LOADFLAGS, 1) & LOADED_HIGH))
		return load_fail(b->why, ERR_UNSUPPORTED, "the image is a zImage, not a bzImage");
	/* 0 means 4, for history's sake. */
	b->image = ((sects ? sects : 4) + 1) * 512;
	if (size <= b->image + ENTRY_64)
		return load_fail(b->why, ERR_RANGE, "the bzImage is cut off after its setup code");
	b->image_size = size - b->image;
	if (get(b, HDR_SYSSIZE, 4) * 16 > b->image_size + 15)
		return load_fail(
		    b->why, ERR_RANGE, "the bzImage is cut off: %lu of %lu bytes are there",
		    (unsigned long)b->image_size, (unsigned long)get(b, HDR_SYSSIZE, 4) * 16);
	if (!align || (align & (align - 1)))
		return load_fail(b->why, ERR_CORRUPT, "the bzImage's alignment is no power of two");
	return OK;
}

static int place_kernel(struct bzimage *b)
{
	u64 load = get(b, HDR_PREF_ADDRESS, 8);
	u64 align = get(b, HDR_ALIGNMENT, 4);

	b->init_size = get(b, HDR_INIT_SIZE, 4);
	if (load < MIB(1) || load >= LAYOUT_4G)
		return load_fail(b->why, ERR_RANGE,
				 "the bzImage wants to lie at %#lx, outside 1 MiB to 4 GiB",
				 (unsigned long)load);
	if (get(b, HDR_RELOCATABLE, 1))
		load = align_up(load, align);
	if (b->init_size < b->image_size)
		return load_fail(b->why, ERR_CORRUPT,
				 "the bzImage's init_size is smaller than the image");
	if (load + b->init_size > LAYOUT_4G || !load_in_ram(b->r, load, b->init_size))
		return load_fail(
		    b->why, ERR_NOMEM,
		    "the kernel needs %lu MiB of memory at %lu MiB: give the workstation more",
		    (unsigned long)(align_up(b->init_size, MIB(1)) >> 20),
		    (unsigned long)(load >> 20));
	b->load = load;
	return OK;
}

static int place_initrd(struct bzimage *b)
{
	const struct load_file *f = &b->r->initrd;
	u64 limit = get(b, HDR_INITRD_MAX, 4) + 1;

	if (!f->size)
		return OK;
	b->initrd =
	    load_place_high(b->r, f->size, PAGE_SIZE, limit, b->load, b->load + b->init_size);
	if (!b->initrd && (get(b, HDR_XLOADFLAGS, 2) & XLF_ABOVE_4G))
		b->initrd = load_place_high(b->r, f->size, PAGE_SIZE, ~(u64)0, b->load,
					    b->load + b->init_size);
	if (!b->initrd)
		return load_fail(
		    b->why, ERR_NOMEM,
		    "the initrd of %lu MiB does not fit beside the kernel: give the workstation more memory",
		    (unsigned long)(align_up(f->size, MIB(1)) >> 20));
	return OK;
}

/* Kernel and initrd to their places. */
static int copy_files(struct bzimage *b)
{
	const struct load_io *io = b->r->io;
	int err = io->copy(io->ctx, GPA(b->load), &b->r->kernel, b->image, b->image_size);

	if (!err && b->initrd)
		err = io->copy(io->ctx, GPA(b->initrd), &b->r->initrd, 0, b->r->initrd.size);
	if (err)
		return load_fail(b->why, err, "the kernel could not be copied: %s", err_text(err));
	return OK;
}

static int write_at(struct bzimage *b, u32 off, const void *p, u64 n)
{
	return b->r->io->write(b->r->io->ctx, GPA(LAYOUT_BOOT_PARAMS + off), p, n);
}

static void fill_header(struct bzimage *b)
{
	u64 flags = get(b, HDR_LOADFLAGS, 1) & ~(u64)(KEEP_SEGMENTS | CAN_USE_HEAP);

	put(b, HDR_LOADER, 1, LOADER_UNDEFINED);
	put(b, HDR_LOADFLAGS, 1, flags);
	put(b, HDR_VID_MODE, 2, VIDEO_NORMAL);
	put(b, HDR_CMDLINE, 4, LAYOUT_CMDLINE);
	put(b, HDR_SETUP_DATA, 8, 0);
	put(b, HDR_RAMDISK, 4, b->initrd & 0xffffffff);
	put(b, HDR_RAMDISK_SIZE, 4, b->initrd ? b->r->initrd.size & 0xffffffff : 0);
}

static int write_boot_params(struct bzimage *b)
{
	struct layout_e820 map[E820_MAX];
	u32 n = layout_e820(b->r->ram, b->r->nram, b->r->ecam_buses, map, E820_MAX);
	u64 rsdp = b->r->rsdp.v;
	u32 initrd_high[2] = {(u32)(b->initrd >> 32),
			      b->initrd ? (u32)(b->r->initrd.size >> 32) : 0};
	u8 entries = (u8)n;
	int err;

	if (!n)
		return load_fail(b->why, ERR_RANGE,
				 "the workstation's memory is in too many pieces to describe");
	fill_header(b);
	err = b->r->io->zero(b->r->io->ctx, GPA(LAYOUT_BOOT_PARAMS), BP_SIZE);
	if (!err)
		err = write_at(b, HDR_START, b->header, b->header_end - HDR_START);
	if (!err)
		err = write_at(b, BP_RSDP, &rsdp, sizeof(rsdp));
	if (!err)
		err = write_at(b, BP_EXT_RAMDISK, initrd_high, sizeof(initrd_high));
	if (!err)
		err = write_at(b, BP_E820_ENTRIES, &entries, 1);
	if (!err)
		err = write_at(b, BP_E820, map, n * sizeof(map[0]));
	if (err)
		return load_fail(b->why, err, "the boot parameters could not be written: %s",
				 err_text(err));
	return OK;
}

int load_bzimage(const struct load_request *r, struct guest_entry *out, struct load_error *why)
{
	struct bzimage b = {.r = r, .why = why};
	int err;

	err = read_header(&b);
	if (!err)
		err = check_header(&b);
	if (!err)
		err = place_kernel(&b);
	if (!err)
		err = place_initrd(&b);
	if (!err)
		err = load_cmdline(r, get(&b, HDR_CMDLINE_SIZE, 4), why);
	if (!err)
		err = copy_files(&b);
	if (!err)
		err = write_boot_params(&b);
	if (err)
		return err;

	*out = (struct guest_entry){
	    .rip = b.load + ENTRY_64,
	    .rsi = LAYOUT_BOOT_PARAMS,
	    .rsp = LAYOUT_BOOT_PARAMS,
	};
	err = load_gdt(r, GUEST_LONG, out);
	if (!err)
		err = load_page_tables(r, out);
	if (err)
		return load_fail(why, err, "the guest's first page tables could not be written: %s",
				 err_text(err));
	return OK;
}
