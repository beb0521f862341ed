/* core/vcpu/load_pvh: small ELF files of both classes, and every way they can be wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/vcpu/load.h"
#include "tests/fake/guest_ram.h"

#define CODE_OFF  0x1000u
#define CODE_SIZE 0x800u
#define NOTE_OFF  0x200u

static struct guest_ram ram;
static struct load_io io;
static u8 file[CODE_OFF + CODE_SIZE];
static u8 initrd[5000];
static struct load_request req;
static struct guest_entry entry;
static struct load_error why;

static Elf64_Ehdr *const eh = (void *)file;
static Elf64_Phdr *const ph = (void *)(file + sizeof(Elf64_Ehdr));

/* Two notes: somebody else's first, then Xen's with `descsz` bytes of entry address. */
static u32 put_notes(u64 address, u32 descsz)
{
	Elf64_Nhdr other = {4, 20, NT_GNU_BUILD_ID}, xen = {4, descsz, 18};
	u8 *p = file + NOTE_OFF;

	memcpy(p, &other, sizeof(other));
	memcpy(p + 12, "GNU", 4);
	p += 12 + 4 + 20;
	memcpy(p, &xen, sizeof(xen));
	memcpy(p + 12, "Xen", 4);
	memcpy(p + 16, &address, descsz);
	return 12 + 4 + 20 + 12 + 4 + descsz;
}

static int fresh(void **state)
{
	memset(&ram, 0, sizeof(ram));
	guest_ram_add(&ram, 0, MIB(32));
	io = guest_ram_io(&ram);
	memset(file, 0, sizeof(file));
	for (u32 i = 0; i < CODE_SIZE; i++)
		file[CODE_OFF + i] = (u8)(i * 7);
	memcpy(eh->e_ident, ELFMAG, 4);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_X86_64;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 3;
	ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_offset = CODE_OFF,
			     .p_paddr = MIB(1),
			     .p_filesz = CODE_SIZE,
			     .p_memsz = 0x3000};
	ph[1] = (Elf64_Phdr){
	    .p_type = PT_NOTE, .p_offset = NOTE_OFF, .p_filesz = put_notes(MIB(1) + 0x40, 4)};
	ph[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_offset = ~(u64)0, .p_memsz = ~(u64)0};
	req = (struct load_request){
	    .io = &io,
	    .kernel = guest_file(file, sizeof(file)),
	    .cmdline = "",
	    .rsdp = GPA(LAYOUT_TABLES),
	    .ram = ram.piece,
	    .nram = ram.n,
	    .ecam_buses = 256,
	};
	memset(&why, 0, sizeof(why));
	return 0;
}

static int done(void **state)
{
	guest_ram_free(&ram);
	return 0;
}

static int load(void)
{
	int err = load_kernel(&req, &entry, &why);

	if (err)
		assert_true(strlen(why.text) > 10);
	return err;
}

static u64 word(u64 gpa, u32 width)
{
	u64 v = 0;

	memcpy(&v, guest_ram_at(&ram, gpa, width), width);
	return v;
}

static void check_loaded(void)
{
	assert_int_equal(entry.mode, GUEST_PROTECTED);
	assert_int_equal(entry.rip, MIB(1) + 0x40);
	assert_memory_equal(guest_ram_at(&ram, MIB(1), CODE_SIZE), file + CODE_OFF, CODE_SIZE);
	/* Zeroed to its memory size, and not a byte further. */
	assert_int_equal(word(MIB(1) + CODE_SIZE, 8), 0);
	assert_int_equal(word(MIB(1) + 0x2ff8, 8), 0);
	assert_int_equal(word(MIB(1) + 0x3000, 1), 0xa5);
}

static void good_elf64(void **state)
{
	assert_int_equal(load(), OK);
	check_loaded();
}

static void start_info(void **state)
{
	req.initrd = guest_file(initrd, sizeof(initrd));
	req.cmdline = "quiet";
	assert_int_equal(load(), OK);

	u64 s = entry.rbx;

	assert_int_equal(word(s, 4), 0x336ec578);
	assert_int_equal(word(s + 4, 4), 1);
	assert_int_equal(word(s + 8, 4), 0);
	assert_int_equal(word(s + 12, 4), 1);
	u64 modules = word(s + 16, 8);
	assert_string_equal((char *)guest_ram_at(&ram, word(s + 24, 8), 8), "quiet");
	assert_int_equal(word(s + 32, 8), LAYOUT_TABLES);
	u64 map = word(s + 40, 8);
	assert_int_equal(word(s + 48, 4), 5);

	assert_int_equal(word(modules, 8), MIB(32) - 8192);
	assert_int_equal(word(modules + 8, 8), sizeof(initrd));
	assert_memory_equal(guest_ram_at(&ram, MIB(32) - 8192, sizeof(initrd)), initrd,
			    sizeof(initrd));
	assert_int_equal(word(map, 8), 0);
	assert_int_equal(word(map + 8, 8), 0xa0000);
	assert_int_equal(word(map + 16, 4), 1);
	assert_int_equal(word(map + 24, 8), 0xe0000);
	assert_int_equal(word(map + 24 + 16, 4), 2);
	/* Flat 32-bit segments behind the selectors. */
	assert_int_equal(word(entry.gdt_base + entry.cs, 8), 0x00cf9b000000ffff);
	assert_int_equal(word(entry.gdt_base + entry.ds, 8), 0x00cf93000000ffff);
}

static void no_initrd_no_module(void **state)
{
	assert_int_equal(load(), OK);
	assert_int_equal(word(entry.rbx + 12, 4), 0);
	assert_int_equal(word(entry.rbx + 16, 8), 0);
}

static void good_elf32(void **state)
{
	Elf32_Ehdr e = {.e_type = ET_EXEC,
			.e_machine = EM_386,
			.e_phoff = sizeof(e),
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = 2};
	Elf32_Phdr p[2] = {
	    {PT_LOAD, CODE_OFF, 0xc0100000, MIB(1), CODE_SIZE, 0x3000, 7, 4096},
	    {PT_NOTE, NOTE_OFF, 0, 0, put_notes(MIB(1) + 0x40, 4), 0, 4, 4},
	};

	memset(file, 0, NOTE_OFF);
	memcpy(e.e_ident, ELFMAG "\1\1\1", 7);
	memcpy(file, &e, sizeof(e));
	memcpy(file + sizeof(e), p, sizeof(p));
	assert_int_equal(load(), OK);
	check_loaded();
}

static void notes_of_other_shapes(void **state)
{
	ph[1].p_filesz = put_notes(MIB(1) + 0x40, 8);
	assert_int_equal(load(), OK);
	assert_int_equal(entry.rip, MIB(1) + 0x40);
	/* In a segment aligned to 8, a 4-byte name is followed by its contents all the same. */
	ph[1].p_align = 8;
	Elf64_Nhdr xen = {4, 8, 18};
	u64 address = MIB(1) + 0x80;
	memset(file + NOTE_OFF, 0, 0x100);
	memcpy(file + NOTE_OFF, &xen, sizeof(xen));
	memcpy(file + NOTE_OFF + 12, "Xen", 4);
	memcpy(file + NOTE_OFF + 16, &address, 8);
	ph[1].p_filesz = 24;
	assert_int_equal(load(), OK);
	assert_int_equal(entry.rip, MIB(1) + 0x80);
	/* Padding shorter than a note is nothing. */
	ph[1].p_filesz = 30;
	assert_int_equal(load(), OK);
	/* The same number of another owner is not ours. */
	memcpy(file + NOTE_OFF + 12, "Xon", 4);
	assert_int_equal(load(), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "PVH note"));
}

static void bad_files(void **state)
{
#define CASE(field, value, error, words)                           \
	{                                                          \
		&(field), sizeof(field), (value), (error), (words) \
	}
	const struct {
		void *at;
		size_t width;
		u64 value;
		int err;
		const char *says;
	} cases[] = {
	    CASE(eh->e_ident[0], 'X', ERR_UNSUPPORTED, "neither"),
	    CASE(eh->e_ident[EI_CLASS], 3, ERR_UNSUPPORTED, "x86"),
	    CASE(eh->e_ident[EI_DATA], ELFDATA2MSB, ERR_UNSUPPORTED, "x86"),
	    CASE(eh->e_machine, EM_AARCH64, ERR_UNSUPPORTED, "x86"),
	    CASE(eh->e_type, ET_REL, ERR_UNSUPPORTED, "executable"),
	    CASE(eh->e_phnum, 0, ERR_UNSUPPORTED, "0 segments"),
	    CASE(eh->e_phnum, 0xffff, ERR_UNSUPPORTED, "65535 segments"),
	    CASE(eh->e_phentsize, 8, ERR_CORRUPT, "malformed"),
	    CASE(eh->e_phoff, sizeof(file) - 10, ERR_RANGE, "cut off"),
	    CASE(eh->e_phoff, ~(u64)0 - 3, ERR_RANGE, "cut off"),
	    CASE(ph[0].p_offset, CODE_OFF + 1, ERR_RANGE, "cut off"),
	    CASE(ph[0].p_offset, ~(u64)0, ERR_RANGE, "cut off"),
	    CASE(ph[0].p_filesz, 0x3001, ERR_CORRUPT, "larger"),
	    CASE(ph[0].p_memsz, MIB(31) + 1, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_memsz, ~(u64)0, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_paddr, MIB(32) - 0x2fff, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_paddr, ~(u64)0, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_paddr, LAYOUT_TABLES, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_paddr, 0x6000, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_paddr, 0x9f000, ERR_NOMEM, "no free memory"),
	    CASE(ph[0].p_paddr, MIB(2), ERR_RANGE, "in no segment"),
	    CASE(ph[0].p_type, PT_NULL, ERR_RANGE, "in no segment"),
	    CASE(ph[1].p_type, PT_NULL, ERR_UNSUPPORTED, "PVH note"),
	    CASE(ph[1].p_filesz, KIB(64) + 1, ERR_UNSUPPORTED, "too long"),
	    CASE(ph[1].p_filesz, 50, ERR_RANGE, "leaves its segment"),
	    CASE(ph[1].p_offset, sizeof(file) - 4, ERR_RANGE, "cut off"),
	    CASE(ph[1].p_offset, ~(u64)0 - 11, ERR_RANGE, "cut off"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 saved[8];

		memcpy(saved, cases[i].at, cases[i].width);
		memcpy(cases[i].at, &cases[i].value, cases[i].width);
		int err = load();

		if (err != cases[i].err || !strstr(why.text, cases[i].says))
			fail_msg("case %zu: %d %s", i, err, why.text);
		memcpy(cases[i].at, saved, cases[i].width);
	}
	assert_int_equal(load(), OK);
}

/* Xen's note with contents of any other size is a broken file, not an entry. */
static void bad_note_sizes(void **state)
{
	static const u32 sizes[] = {0, 3, 7};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ph[1].p_filesz = put_notes(MIB(1), sizes[i]);
		assert_int_equal(load(), ERR_CORRUPT);
	}
	ph[1].p_filesz = put_notes((1ull << 40) | (MIB(1) + 0x40), 8);
	assert_int_equal(load(), ERR_RANGE);
}

static void low_memory_that_is_free(void **state)
{
	ph[0].p_paddr = 0x80000;
	ph[1].p_filesz = put_notes(0x80000, 4);
	assert_int_equal(load(), OK);
	assert_int_equal(entry.rip, 0x80000);
}

/* A kernel over two adjacent pieces of RAM is fine, one over a gap is not. */
static void pieces(void **state)
{
	guest_ram_free(&ram);
	guest_ram_add(&ram, 0, MIB(1) + 0x1000);
	guest_ram_add(&ram, MIB(1) + 0x1000, MIB(1));
	guest_ram_add(&ram, MIB(4), MIB(1));
	req.nram = 3;
	assert_int_equal(load(), OK);
	assert_int_equal(word(MIB(1) + 0x2ff8, 8), 0);
	ph[0].p_paddr = MIB(2) + 0x1000 - 0x2000;
	ph[1].p_filesz = put_notes(ph[0].p_paddr, 4);
	assert_int_equal(load(), ERR_NOMEM);
	/* The initrd goes to the highest piece. */
	ph[0].p_paddr = MIB(1);
	ph[1].p_filesz = put_notes(MIB(1), 4);
	req.initrd = guest_file(initrd, sizeof(initrd));
	assert_int_equal(load(), OK);
	assert_int_equal(word(word(entry.rbx + 16, 8), 8), MIB(5) - 8192);
}

static void an_initrd_without_room(void **state)
{
	static u8 big[MIB(31)];

	req.initrd = guest_file(big, sizeof(big));
	assert_int_equal(load(), ERR_NOMEM);
	assert_non_null(strstr(why.text, "31 MiB"));
}

static void command_line_limits(void **state)
{
	static char line[LAYOUT_CMDLINE_MAX + 1];

	memset(line, 'x', sizeof(line) - 1);
	req.cmdline = line;
	assert_int_equal(load(), ERR_RANGE);
	line[LAYOUT_CMDLINE_MAX - 1] = 0;
	assert_int_equal(load(), OK);
	assert_string_equal((char *)guest_ram_at(&ram, LAYOUT_CMDLINE, LAYOUT_CMDLINE_MAX), line);
	assert_int_equal(word(LAYOUT_CMDLINE + LAYOUT_CMDLINE_MAX, 1), 0xa5);
}

static void every_callback_may_fail(void **state)
{
	req.initrd = guest_file(initrd, sizeof(initrd));
	assert_int_equal(load(), OK);

	u64 calls = ram.calls;

	for (u64 i = 1; i < calls; i++) {
		ram.calls = 0;
		ram.fail_after = i;
		assert_int_equal(load(), ERR_IO);
		assert_int_equal(ram.calls, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(good_elf64, fresh, done),
	    cmocka_unit_test_setup_teardown(start_info, fresh, done),
	    cmocka_unit_test_setup_teardown(no_initrd_no_module, fresh, done),
	    cmocka_unit_test_setup_teardown(good_elf32, fresh, done),
	    cmocka_unit_test_setup_teardown(notes_of_other_shapes, fresh, done),
	    cmocka_unit_test_setup_teardown(bad_files, fresh, done),
	    cmocka_unit_test_setup_teardown(bad_note_sizes, fresh, done),
	    cmocka_unit_test_setup_teardown(low_memory_that_is_free, fresh, done),
	    cmocka_unit_test_setup_teardown(pieces, fresh, done),
	    cmocka_unit_test_setup_teardown(an_initrd_without_room, fresh, done),
	    cmocka_unit_test_setup_teardown(command_line_limits, fresh, done),
	    cmocka_unit_test_setup_teardown(every_callback_may_fail, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
