/*
 * ELF kernels by the PVH entry (Xen: docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h): 32-bit
 * protected mode at the address that note 18 of owner "Xen" gives, EBX = hvm_start_info.
 */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/vcpu/load_elf.h"

#define START_MAGIC   0x336ec578u
#define START_VERSION 1u

struct start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp, memmap;
	u32 memmap_entries, reserved;
} __packed;

struct start_module {
	u64 paddr, size, cmdline, reserved;
} __packed;

struct start_memory {
	u64 addr, size;
	u32 type, reserved;
} __packed;

/* Places inside the boot parameters' page. */
#define AT_MODULE  (LAYOUT_BOOT_PARAMS + 0x40u)
#define AT_MEMMAP  (LAYOUT_BOOT_PARAMS + 0x80u)
#define MEMMAP_MAX 32u

struct pvh {
	const struct load_request *r;
	struct load_error *why;
	struct load_elf elf;
	u64 start, end; /* lowest and highest byte any segment loads */
	u64 initrd;	/* 0: none */
};

/* ---- segments --------------------------------------------------------------------------------- */

static bool overlaps(u64 base, u64 size, u64 start, u64 end)
{
	return base < end && start < base + size;
}

/* RAM that the guest is told about, and none of the places the loader itself fills. */
static bool may_load_at(const struct load_request *r, u64 base, u64 size)
{
	return load_in_ram(r, base, size) &&
	       !overlaps(base, size, LAYOUT_BOOT_PARAMS, LAYOUT_CMDLINE + LAYOUT_CMDLINE_MAX) &&
	       !overlaps(base, size, 0xa0000, MIB(1));
}

static int place_segment(struct pvh *p, const struct load_segment *s)
{
	const struct load_io *io = p->r->io;
	u64 size = p->r->kernel.size;
	int err = OK;

	if (!s->memsz)
		return OK;
	if (s->filesz > s->memsz)
		return load_fail(p->why, ERR_CORRUPT,
				 "a segment of the ELF file is larger than its memory");
	if (s->offset > size || s->filesz > size - s->offset)
		return load_fail(p->why, ERR_RANGE,
				 "the ELF file is cut off inside the segment for %#lx",
				 (unsigned long)s->paddr);
	if (!may_load_at(p->r, s->paddr, s->memsz))
		return load_fail(
		    p->why, ERR_NOMEM,
		    "the kernel wants %lu KiB at %#lx, where the workstation has no free memory",
		    (unsigned long)(align_up(s->memsz, 1024) >> 10), (unsigned long)s->paddr);
	if (s->filesz)
		err = io->copy(io->ctx, GPA(s->paddr), &p->r->kernel, s->offset, s->filesz);
	if (!err && s->memsz > s->filesz)
		err = io->zero(io->ctx, GPA(s->paddr + s->filesz), s->memsz - s->filesz);
	if (err)
		return load_fail(p->why, err, "the kernel could not be copied: %s", err_text(err));
	p->start = min_u64(p->start, s->paddr);
	p->end = max_u64(p->end, s->paddr + s->memsz);
	return OK;
}

static int load_segments(struct pvh *p)
{
	for (u32 i = 0; i < p->elf.phnum; i++) {
		struct load_segment s;
		int err = load_elf_segment(&p->elf, i, &s);

		if (!err && s.type == SEGMENT_LOAD)
			err = place_segment(p, &s);
		else if (!err && s.type == SEGMENT_NOTE)
			err = load_elf_notes(&p->elf, &s);
		if (err)
			return err;
	}
	if (!p->elf.has_entry)
		return load_fail(
		    p->why, ERR_UNSUPPORTED,
		    "the ELF file has no PVH note (Xen, type 18): it cannot be entered");
	if (p->elf.entry < p->start || p->elf.entry >= p->end || p->elf.entry >= LAYOUT_4G)
		return load_fail(p->why, ERR_RANGE, "the PVH entry %#lx is in no segment",
				 (unsigned long)p->elf.entry);
	return OK;
}

static int load_initrd(struct pvh *p)
{
	const struct load_io *io = p->r->io;
	const struct load_file *f = &p->r->initrd;
	int err;

	if (!f->size)
		return OK;
	p->initrd = load_place_high(p->r, f->size, PAGE_SIZE, LAYOUT_4G, p->start, p->end);
	if (!p->initrd)
		return load_fail(
		    p->why, ERR_NOMEM,
		    "the initrd of %lu MiB does not fit beside the kernel: give the workstation more memory",
		    (unsigned long)(align_up(f->size, MIB(1)) >> 20));
	err = io->copy(io->ctx, GPA(p->initrd), f, 0, f->size);
	if (err)
		return load_fail(p->why, err, "the initrd could not be copied: %s", err_text(err));
	return OK;
}

/* ---- hvm_start_info --------------------------------------------------------------------------- */

static int write_memmap(struct pvh *p, u32 *n)
{
	struct layout_e820 map[MEMMAP_MAX];

	*n = layout_e820(p->r->ram, p->r->nram, p->r->ecam_buses, map, MEMMAP_MAX);
	if (!*n)
		return load_fail(p->why, ERR_RANGE,
				 "the workstation's memory is in too many pieces to describe");
	for (u32 i = 0; i < *n; i++) {
		const struct start_memory m = {map[i].base, map[i].size, map[i].kind, 0};
		int err =
		    p->r->io->write(p->r->io->ctx, GPA(AT_MEMMAP + i * sizeof(m)), &m, sizeof(m));

		if (err)
			return load_fail(p->why, err, "the start info could not be written: %s",
					 err_text(err));
	}
	return OK;
}

static int write_start_info(struct pvh *p)
{
	const struct load_io *io = p->r->io;
	const struct start_module module = {.paddr = p->initrd, .size = p->r->initrd.size};
	struct start_info info = {
	    .magic = START_MAGIC,
	    .version = START_VERSION,
	    .nr_modules = p->initrd ? 1 : 0,
	    .modlist = p->initrd ? AT_MODULE : 0,
	    .cmdline = LAYOUT_CMDLINE,
	    .rsdp = p->r->rsdp.v,
	    .memmap = AT_MEMMAP,
	};
	u32 entries;
	int err = write_memmap(p, &entries);

	if (err)
		return err;
	info.memmap_entries = entries;
	err = io->write(io->ctx, GPA(LAYOUT_BOOT_PARAMS), &info, sizeof(info));
	if (!err)
		err = io->write(io->ctx, GPA(AT_MODULE), &module, sizeof(module));
	if (err)
		return load_fail(p->why, err, "the start info could not be written: %s",
				 err_text(err));
	return OK;
}

int load_pvh(const struct load_request *r, struct guest_entry *out, struct load_error *why)
{
	struct pvh p = {.r = r, .why = why, .elf = {.r = r, .why = why}, .start = ~(u64)0};
	int err;

	err = load_elf_open(&p.elf);
	if (!err)
		err = load_segments(&p);
	if (!err)
		err = load_initrd(&p);
	if (!err)
		err = load_cmdline(r, LAYOUT_CMDLINE_MAX - 1, why);
	if (!err)
		err = write_start_info(&p);
	if (err)
		return err;
	*out = (struct guest_entry){
	    .rip = p.elf.entry,
	    .rbx = LAYOUT_BOOT_PARAMS,
	    .rsp = LAYOUT_BOOT_PARAMS,
	};
	err = load_gdt(r, GUEST_PROTECTED, out);
	if (err)
		return load_fail(why, err, "the guest's GDT could not be written: %s",
				 err_text(err));
	return OK;
}
