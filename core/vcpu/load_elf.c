/* ELF executables as far as a boot loader needs them (System V ABI, chapters 4 and 5). */
#include "core/vcpu/load_elf.h"

#include "core/base/err.h"
#include "core/base/mem.h"

struct elf_ident {
	u8 magic[4], class, data, version, pad[9];
} __packed;

struct elf64_header {
	struct elf_ident ident;
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} __packed;

struct elf32_header {
	struct elf_ident ident;
	u16 type, machine;
	u32 version;
	u32 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} __packed;

struct elf64_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
} __packed;

struct elf32_segment {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
} __packed;

struct elf_note {
	u32 namesz, descsz, type;
} __packed;

enum { CLASS_32 = 1, CLASS_64 = 2, DATA_LITTLE = 1 };
enum { TYPE_EXEC = 2, TYPE_DYN = 3, MACHINE_386 = 3, MACHINE_X86_64 = 62 };
enum { XEN_ELFNOTE_PHYS32_ENTRY = 18 };

/* Far above any real kernel; keeps a hostile file from costing time. */
#define SEGMENTS_MAX 128u
#define NOTES_MAX    KIB(64)

static int read_file(struct load_elf *e, u64 off, void *dst, u64 n)
{
	u64 size = e->r->kernel.size;

	if (off > size || n > size - off)
		return load_fail(e->why, ERR_RANGE,
				 "the ELF file is cut off: it refers to byte %lu of %lu",
				 (unsigned long)off, (unsigned long)size);

	int err = e->r->io->read(e->r->io->ctx, &e->r->kernel, off, dst, n);

	if (err)
		return load_fail(e->why, err, "the kernel could not be read: %s", err_text(err));
	return OK;
}

int load_elf_open(struct load_elf *e)
{
	struct elf64_header h = {0};
	struct elf32_header h32;
	int err = read_file(e, 0, &h.ident, sizeof(h.ident));

	if (err)
		return err;
	if (memcmp(h.ident.magic, "\177ELF", 4) != 0)
		return load_fail(e->why, ERR_INVAL, "the kernel is not an ELF file");
	e->is64 = h.ident.class == CLASS_64;
	if ((!e->is64 && h.ident.class != CLASS_32) || h.ident.data != DATA_LITTLE)
		return load_fail(e->why, ERR_UNSUPPORTED, "the ELF file is not for x86");
	if (e->is64) {
		err = read_file(e, 0, &h, sizeof(h));
		if (err)
			return err;
	} else {
		err = read_file(e, 0, &h32, sizeof(h32));
		if (err)
			return err;
		h.type = h32.type;
		h.machine = h32.machine;
		h.phoff = h32.phoff;
		h.phnum = h32.phnum;
		h.phentsize = h32.phentsize;
	}
	if (h.machine != MACHINE_X86_64 && h.machine != MACHINE_386)
		return load_fail(e->why, ERR_UNSUPPORTED, "the ELF file is not for x86");
	if (h.type != TYPE_EXEC && h.type != TYPE_DYN)
		return load_fail(e->why, ERR_UNSUPPORTED, "the ELF file is not an executable");
	e->phoff = h.phoff;
	e->phnum = h.phnum;
	e->phentsize = h.phentsize;
	if (!e->phnum || e->phnum > SEGMENTS_MAX)
		return load_fail(e->why, ERR_UNSUPPORTED, "the ELF file has %u segments",
				 (unsigned)e->phnum);
	if (e->phentsize < (e->is64 ? sizeof(struct elf64_segment) : sizeof(struct elf32_segment)))
		return load_fail(e->why, ERR_CORRUPT, "the ELF file's segment table is malformed");
	return OK;
}

int load_elf_segment(struct load_elf *e, u32 i, struct load_segment *s)
{
	struct elf64_segment large;
	struct elf32_segment small;
	u64 off;
	int err;

	memset(&large, 0, sizeof(large));
	memset(&small, 0, sizeof(small));
	if (__builtin_add_overflow(e->phoff, (u64)i * e->phentsize, &off))
		return load_fail(e->why, ERR_RANGE, "the ELF file's segment table is nowhere");
	if (e->is64) {
		err = read_file(e, off, &large, sizeof(large));
		*s = (struct load_segment){large.type,	 large.offset, large.paddr,
					   large.filesz, large.memsz,  large.align};
	} else {
		err = read_file(e, off, &small, sizeof(small));
		*s = (struct load_segment){small.type,	 small.offset, small.paddr,
					   small.filesz, small.memsz,  small.align};
	}
	return err;
}

/* ---- notes ------------------------------------------------------------------------------------ */

static int take_entry(struct load_elf *e, u64 at, u32 descsz)
{
	u64 v = 0;

	if (descsz != 4 && descsz != 8)
		return load_fail(e->why, ERR_CORRUPT, "the ELF file's PVH note has %u bytes",
				 (unsigned)descsz);

	int err = read_file(e, at, &v, descsz);

	if (err)
		return err;
	e->has_entry = true;
	e->entry = v;
	return OK;
}

/* One note at `at`, `left` bytes before the segment's end; *next: bytes it takes. */
static int read_note(struct load_elf *e, u64 at, u64 left, u64 align, u64 *next)
{
	struct elf_note n;
	char name[4];
	u64 desc, end;
	int err;

	if (left < sizeof(n)) {
		*next = left; /* padding */
		return OK;
	}
	err = read_file(e, at, &n, sizeof(n));
	if (err)
		return err;
	desc = align_up(sizeof(n) + (u64)n.namesz, align);
	end = desc + n.descsz;
	if (end > left)
		return load_fail(e->why, ERR_RANGE, "a note of the ELF file leaves its segment");
	*next = min_u64(align_up(end, align), left);
	if (n.type != XEN_ELFNOTE_PHYS32_ENTRY || n.namesz != sizeof(name))
		return OK;
	err = read_file(e, at + sizeof(n), name, sizeof(name));
	if (err)
		return err;
	return memcmp(name, "Xen", 4) == 0 ? take_entry(e, at + desc, n.descsz) : OK;
}

int load_elf_notes(struct load_elf *e, const struct load_segment *s)
{
	u64 next = 0;

	if (s->filesz > NOTES_MAX)
		return load_fail(e->why, ERR_UNSUPPORTED, "the ELF file's notes are too long");
	for (u64 at = 0; at < s->filesz; at += next) {
		u64 off;

		if (__builtin_add_overflow(s->offset, at, &off))
			return load_fail(e->why, ERR_RANGE, "the ELF file's notes are nowhere");

		int err = read_note(e, off, s->filesz - at, s->align == 8 ? 8 : 4, &next);

		if (err)
			return err;
	}
	return OK;
}
