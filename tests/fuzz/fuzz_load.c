/*
 * Kernels from anywhere, through both loaders: every range they touch is in the file and in the
 * guest's RAM (the fake aborts otherwise), a refusal has words, and a success names an entry in RAM.
 * The file's last byte tunes the command line's and initrd's sizes. Each input is tried as a file of
 * its own and as changes to a good one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/vcpu/load.h"
#include "tests/fake/guest_ram.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void load(struct guest_ram *ram, const uint8_t *data, size_t size, enum plan_boot_kind kind)
{
	static const u8 initrd[8192];
	struct load_io io = guest_ram_io(ram);
	char cmdline[64] = {0};
	struct load_error why = {0};
	struct guest_entry e;
	u8 tune = size ? data[size - 1] : 0;

	memset(cmdline, 'c', tune & 63);

	const struct load_request r = {
	    .io = &io,
	    .kernel = guest_file(data, size),
	    .initrd = guest_file(initrd, tune & 64 ? sizeof(initrd) : 0),
	    .cmdline = cmdline,
	    .kind = kind,
	    .rsdp = GPA(LAYOUT_TABLES),
	    .ram = ram->piece,
	    .nram = ram->n,
	    .ecam_buses = 256,
	};

	if (load_kernel(&r, &e, &why) == OK) {
		check(load_in_ram(&r, e.rip, 1) && e.rip >= 0x1000);
		check(e.gdt_base == LAYOUT_GDT && e.cs && e.ds);
	} else {
		check(why.text[0] != 0);
	}
}

/* ---- good files to start from, so that mutations reach behind the first checks ---------------- */

#define TEMPLATE_SIZE 4096u

static void put(u8 *file, u32 off, u32 width, u64 v)
{
	memcpy(file + off, &v, width);
}

static void good_bzimage(u8 *f)
{
	put(f, 0x1f1, 1, 1);
	put(f, 0x1f4, 4, (TEMPLATE_SIZE - 1024) / 16);
	put(f, 0x1fe, 2, 0xaa55);
	put(f, 0x200, 2, 0x6aeb);
	memcpy(f + 0x202, "HdrS", 4);
	put(f, 0x206, 2, 0x020f);
	put(f, 0x211, 1, 1);
	put(f, 0x22c, 4, 0x7fffffff);
	put(f, 0x230, 4, 0x1000);
	put(f, 0x236, 2, 3);
	put(f, 0x238, 4, 255);
	put(f, 0x258, 8, MIB(1));
	put(f, 0x260, 4, MIB(1));
}

static void good_elf64(u8 *f)
{
	memcpy(f, "\177ELF\2\1\1", 7);
	put(f, 16, 2, 2);
	put(f, 18, 2, 62);
	put(f, 32, 8, 64);
	put(f, 54, 2, 56);
	put(f, 56, 2, 2);
	put(f, 64, 4, 1); /* a segment of 256 bytes at 1 MiB */
	put(f, 64 + 8, 8, 1024);
	put(f, 64 + 24, 8, MIB(1));
	put(f, 64 + 32, 8, 256);
	put(f, 64 + 40, 8, 512);
	put(f, 120, 4, 4); /* a note segment */
	put(f, 120 + 8, 8, 512);
	put(f, 120 + 32, 8, 20);
	put(f, 512, 4, 4);
	put(f, 516, 4, 4);
	put(f, 520, 4, 18);
	memcpy(f + 524, "Xen", 4);
	put(f, 528, 4, MIB(1));
}

static void good_elf32(u8 *f)
{
	good_elf64(f);
	f[4] = 1;
	put(f, 28, 4, 64);
	put(f, 42, 2, 32);
	put(f, 44, 2, 2);
	memset(f + 64, 0, 128);
	put(f, 64, 4, 1);
	put(f, 64 + 4, 4, 1024);
	put(f, 64 + 12, 4, MIB(1));
	put(f, 64 + 16, 4, 256);
	put(f, 64 + 20, 4, 512);
	put(f, 96, 4, 4);
	put(f, 96 + 4, 4, 512);
	put(f, 96 + 16, 4, 20);
}

/* Records of {offset, 16 bits; width 1..8; bytes} change a good file; the rest is the tail. */
static size_t patched(u8 *f, const uint8_t *data, size_t size)
{
	static void (*const make[])(u8 *) = {good_bzimage, good_elf64, good_elf32};

	memset(f, 0, TEMPLATE_SIZE);
	make[data[0] % 3](f);
	for (size_t at = 1; at + 3 <= size;) {
		u32 off = (u32)(data[at] | data[at + 1] << 8) % (TEMPLATE_SIZE - 8);
		size_t n = 1 + data[at + 2] % 8;

		at += 3;
		if (n > size - at)
			n = size - at;
		memcpy(f + off, data + at, n);
		at += n;
	}
	return data[0] & 0x80 ? TEMPLATE_SIZE : TEMPLATE_SIZE - (data[0] & 0x70);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_ram ram;

	if (!ram.n) {
		guest_ram_add(&ram, 0, MIB(3));
		guest_ram_add(&ram, MIB(3), MIB(1));
		guest_ram_add(&ram, MIB(16), MIB(4));
	}
	load(&ram, data, size, BOOT_AUTO);
	load(&ram, data, size, BOOT_PVH);
	load(&ram, data, size, BOOT_BZIMAGE);
	if (size) {
		u8 *f = malloc(TEMPLATE_SIZE);

		load(&ram, f, patched(f, data, size), BOOT_AUTO);
		free(f);
	}
	return 0;
}
