#include "core/vcpu/load.h"

#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"

int load_fail(struct load_error *why, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfmt(why->text, sizeof(why->text), format, ap);
	va_end(ap);
	return err;
}

bool load_in_ram(const struct load_request *r, u64 base, u64 size)
{
	u64 end;

	if (__builtin_add_overflow(base, size, &end))
		return false;
	for (u32 i = 0; i < r->nram; i++) {
		u64 piece = r->ram[i].base.v;

		if (base < piece)
			return false;
		if (base < piece + r->ram[i].size) {
			/* Follow the run of adjacent pieces from here. */
			base = min_u64(end, piece + r->ram[i].size);
			if (base == end)
				return true;
		}
	}
	return false;
}

/* The end of the run of adjacent pieces that begins with piece *i; *i moves behind the run. */
static u64 run_end(const struct load_request *r, u32 *i)
{
	u64 end = r->ram[*i].base.v + r->ram[*i].size;

	for ((*i)++; *i < r->nram && r->ram[*i].base.v == end; (*i)++)
		end += r->ram[*i].size;
	return end;
}

/* The highest place in [base, end); 0: none. */
static u64 highest(u64 base, u64 end, u64 size, u64 align)
{
	if (end <= base || end - base < size)
		return 0;

	u64 at = align_down(end - size, align);

	return at >= base ? at : 0;
}

u64 load_place_high(const struct load_request *r, u64 size, u64 align, u64 limit, u64 avoid_start,
		    u64 avoid_end)
{
	u64 best = 0;

	for (u32 i = 0; i < r->nram;) {
		u64 base = max_u64(r->ram[i].base.v, MIB(1));
		u64 end = min_u64(run_end(r, &i), limit);
		u64 at = highest(base, end, size, align);

		if (at && at < avoid_end && avoid_start < at + size)
			at = highest(base, min_u64(end, avoid_start), size, align);
		if (at)
			best = at;
	}
	return best;
}

int load_cmdline(const struct load_request *r, u64 max, struct load_error *why)
{
	u64 n = 0;

	max = min_u64(max, LAYOUT_CMDLINE_MAX - 1);
	while (n <= max && r->cmdline[n])
		n++;
	if (n > max) {
		why->cmdline = true;
		return load_fail(
		    why, ERR_RANGE,
		    "the command line is longer than the %lu characters the kernel takes",
		    (unsigned long)max);
	}
	/* The NUL goes with the last piece. */
	for (u64 at = 0; at <= n; at += PAGE_SIZE) {
		int err = r->io->write(r->io->ctx, GPA(LAYOUT_CMDLINE + at), r->cmdline + at,
				       min_u64(n + 1 - at, PAGE_SIZE));

		if (err)
			return load_fail(why, err, "the command line could not be written: %s",
					 err_text(err));
	}
	return OK;
}

/* ---- what the entry state needs in memory ----------------------------------------------------- */

enum { GDT_CODE = 2, GDT_DATA = 3, GDT_TSS = 4, GDT_ENTRIES = 6 };

#define DESC_CODE32 0x00cf9b000000ffffull /* flat, execute/read, accessed (SDM 3.4.5) */
#define DESC_CODE64 0x00af9b000000ffffull
#define DESC_DATA   0x00cf93000000ffffull
#define DESC_TSS    0x00008b0000000067ull /* busy, base 0, limit 67h */

int load_gdt(const struct load_request *r, enum guest_mode mode, struct guest_entry *out)
{
	const u64 gdt[GDT_ENTRIES] = {
	    [GDT_CODE] = mode == GUEST_LONG ? DESC_CODE64 : DESC_CODE32,
	    [GDT_DATA] = DESC_DATA,
	    [GDT_TSS] = DESC_TSS,
	};

	out->mode = mode;
	out->gdt_base = LAYOUT_GDT;
	out->gdt_limit = sizeof(gdt) - 1;
	out->cs = GDT_CODE * 8;
	out->ds = GDT_DATA * 8;
	return r->io->write(r->io->ctx, GPA(LAYOUT_GDT), gdt, sizeof(gdt));
}

#define PTE_TABLE 0x23ull /* present, writable, accessed */
#define PTE_2M	  0xe3ull /* and dirty, page size */

/* One table page of `n` entries, each `step` further than the one before; the rest not present. */
static int write_table(const struct load_request *r, u64 gpa, u64 first, u64 step, u32 n)
{
	u64 part[64]; /* small, for the stack's sake */

	for (u32 i = 0; i < 512; i += ARRAY_SIZE(part)) {
		for (u32 k = 0; k < ARRAY_SIZE(part); k++)
			part[k] = i + k < n ? first + (i + k) * step : 0;

		int err = r->io->write(r->io->ctx, GPA(gpa + i * 8), part, sizeof(part));

		if (err)
			return err;
	}
	return OK;
}

int load_page_tables(const struct load_request *r, struct guest_entry *out)
{
	const u64 pml4 = LAYOUT_PAGE_TABLES, pdpt = pml4 + PAGE_SIZE, pd = pdpt + PAGE_SIZE;
	int err = write_table(r, pml4, pdpt | PTE_TABLE, 0, 1);

	if (!err)
		err = write_table(r, pdpt, pd | PTE_TABLE, PAGE_SIZE, 4);
	for (u32 i = 0; i < 4 && !err; i++)
		err = write_table(r, pd + i * PAGE_SIZE, GIB(i) | PTE_2M, MIB(2), 512);
	out->cr3 = pml4;
	return err;
}

/* ---- by what the file is ---------------------------------------------------------------------- */

bool load_is_bzimage(const u8 *head, u64 n)
{
	return n >= LOAD_HEAD && head[0x1fe] == 0x55 && head[0x1ff] == 0xaa &&
	       memcmp(head + 0x202, "HdrS", 4) == 0;
}

static int recognise(const struct load_request *r, enum plan_boot_kind *kind,
		     struct load_error *why)
{
	u8 head[LOAD_HEAD];
	u64 n = min_u64(r->kernel.size, sizeof(head));

	if (!n)
		return load_fail(why, ERR_INVAL, "the kernel is empty");

	int err = r->io->read(r->io->ctx, &r->kernel, 0, head, n);

	if (err)
		return load_fail(why, err, "the kernel could not be read: %s", err_text(err));
	if (n >= 4 && memcmp(head, "\177ELF", 4) == 0)
		*kind = BOOT_PVH;
	else if (load_is_bzimage(head, n))
		*kind = BOOT_BZIMAGE;
	else if (head[0] == 0x1f && n > 1 && head[1] == 0x8b)
		return load_fail(why, ERR_UNSUPPORTED,
				 "the kernel is gzip-compressed as a whole: unpack it first");
	else
		return load_fail(why, ERR_UNSUPPORTED,
				 "the kernel is neither a Linux bzImage nor an ELF file");
	return OK;
}

int load_kernel(const struct load_request *r, struct guest_entry *out, struct load_error *why)
{
	enum plan_boot_kind kind = r->kind;

	if (kind == BOOT_AUTO) {
		int err = recognise(r, &kind, why);

		if (err)
			return err;
	}
	switch (kind) {
	case BOOT_PVH:
		return load_pvh(r, out, why);
	case BOOT_BZIMAGE:
		return load_bzimage(r, out, why);
	default:
		return load_fail(why, ERR_INVAL, "no such kind of kernel: %d", (int)kind);
	}
}
