/* From a file in memory to the hypervisor in its place. */
#include "core/abi.h"
#include "core/base/mem.h"
#include "core/metal/efi/efi.h"
#include "core/metal/layout.h"

#define PT_LOAD	      1
#define SEGMENTS_MAX  8
#define TABLE_ENTRIES 512
#define ENTRY_TABLE   3ull    /* present, writable */
#define ENTRY_LARGE   0x83ull /* and 2 MiB */
#define TABLES	      6 /* identity below 4 GiB: one of level 4, one of level 3, four of level 2 */
#define CR4_LA57      (1ull << 12)

struct elf_header { /* ELF-64 object file format */
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, va, pa, file_size, memory_size, align;
};

/* handover.S knows the offsets. */
struct handover {
	u64 cr3, stack, entry, info;
	u64 nsegments;
	struct {
		u64 to, from, bytes, zeros;
	} segments[SEGMENTS_MAX];
};

extern const u8 elf_image[], elf_image_end[];
extern const u8 handover[], handover_end[];

static struct {
	u64 code, stack, tables, elf;
	struct handover *args;
} kept;

static u64 pages_for(u64 bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static u64 take(u64 bytes)
{
	u64 at = efi_pages(pages_for(bytes), BOOT_EARLY_LIMIT);

	if (!at)
		efi_halt("Give the machine more memory",
			 "there is no free memory below 4 GiB to start from");
	memset((void *)at, 0, pages_for(bytes) * PAGE_SIZE);
	return at;
}

static void fill_tables(u64 *t)
{
	u64 l3 = (u64)t + PAGE_SIZE, l2 = l3 + PAGE_SIZE;

	t[0] = l3 | ENTRY_TABLE;
	for (u64 i = 0; i < 4; i++)
		t[TABLE_ENTRIES + i] = (l2 + i * PAGE_SIZE) | ENTRY_TABLE;
	for (u64 i = 0; i < 4 * TABLE_ENTRIES; i++)
		t[2 * TABLE_ENTRIES + i] = i * MIB(2) | ENTRY_LARGE;
}

static void add_segment(struct handover *h, const struct elf_segment *s)
{
	u64 end = HV_LOAD_ADDRESS + HV_MEMORY_FIXED;

	if (h->nsegments == SEGMENTS_MAX || s->pa < HV_LOAD_ADDRESS || s->pa > end ||
	    s->memory_size > end - s->pa || s->file_size > s->memory_size ||
	    s->offset + s->file_size > (u64)(elf_image_end - elf_image))
		efi_halt("Copy BOOTX64.EFI to the medium again",
			 "the hypervisor in this program is damaged");
	h->segments[h->nsegments].to = s->pa;
	h->segments[h->nsegments].from = kept.elf + s->offset;
	h->segments[h->nsegments].bytes = s->file_size;
	h->segments[h->nsegments++].zeros = s->memory_size - s->file_size;
}

void efi_prepare(void)
{
	const struct elf_header *e = (const void *)elf_image;
	u64 size = (u64)(elf_image_end - elf_image), cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	if (cr4 & CR4_LA57)
		efi_halt("Switch 5-level paging (LA57) off in the firmware's setup",
			 "the firmware runs on 5-level page tables, which cannot be left");
	kept.code = take((u64)(handover_end - handover));
	kept.stack = take(PAGE_SIZE);
	kept.tables = take(TABLES * PAGE_SIZE);
	kept.elf = take(size);
	kept.args = (void *)take(sizeof(*kept.args));
	memcpy((void *)kept.code, handover, (u64)(handover_end - handover));
	memcpy((void *)kept.elf, elf_image, size);
	fill_tables((u64 *)kept.tables);
	for (u32 i = 0; i < e->phnum; i++) {
		const struct elf_segment *s =
		    (const void *)(elf_image + e->phoff + (u64)i * e->phentsize);

		if (s->type == PT_LOAD)
			add_segment(kept.args, s);
	}
	kept.args->cr3 = kept.tables;
	kept.args->stack = kept.stack + PAGE_SIZE;
	kept.args->entry = e->entry - IMAGE_BASE;
}

void efi_enter(struct boot_info *b)
{
	void (*code)(struct handover *) __noreturn = (void *)kept.code;

	kept.args->info = (u64)b;
	code(kept.args);
}
