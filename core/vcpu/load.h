/*
 * Kernel loaders: from a file in the boot bundle to a guest ready to enter.
 *
 * The file is hostile input: every offset and size is checked against the file and the guest's RAM
 * before it is used, and a refusal says in words what was wrong. Nothing is allocated; everything
 * the guest needs (page tables, GDT, boot parameters) is written into its own memory at the places
 * layout.h names.
 *
 * Formats: Linux bzImage by the 64-bit entry (Documentation/arch/x86/boot.rst, protocol >= 2.12),
 * ELF by the PVH note (xen/include/public/arch-x86/hvm/start_info.h; elfnote 18).
 */
#pragma once

#include "core/base/types.h"
#include "core/partition/plan.h"
#include "core/partition/layout.h"

/* A file of the bundle. `handle` means something only to the callbacks: an address, a number. */
struct load_file {
	u64 handle;
	u64 size; /* bytes; 0: no such file */
};

/*
 * Memory the loader works through. Ranges given to these are inside the file and inside the
 * guest's RAM; a range of guest memory may span several of its pieces if those are adjacent.
 * All return OK or an error that ends the load.
 */
struct load_io {
	void *ctx;
	/* File bytes [off, off + n) to dst. n is at most 4096. */
	__must_check int (*read)(void *ctx, const struct load_file *f, u64 off, void *dst, u64 n);
	/* n bytes to guest memory. n is at most 4096. */
	__must_check int (*write)(void *ctx, gpa_t gpa, const void *src, u64 n);
	/* File bytes [off, off + n) to guest memory, any n > 0. */
	__must_check int (*copy)(void *ctx, gpa_t gpa, const struct load_file *f, u64 off, u64 n);
	/* Zero [gpa, gpa + n), n > 0. May do nothing where the memory is known to be zero. */
	__must_check int (*zero)(void *ctx, gpa_t gpa, u64 n);
};

struct load_request {
	const struct load_io *io;
	struct load_file kernel;
	struct load_file initrd; /* size 0: none */
	const char *cmdline;	 /* NUL-terminated, may be "" */
	enum plan_boot_kind kind;
	gpa_t rsdp;
	const struct layout_piece *ram; /* as for layout_e820() */
	u32 nram;
	u16 ecam_buses;
};

/* ---- how the boot processor starts ------------------------------------------------------------ */

enum guest_mode {
	GUEST_PROTECTED, /* 32-bit, flat segments, paging off */
	GUEST_LONG,	 /* 64-bit, flat segments, paging on by cr3 */
};

/*
 * Registers not named here have their reset values; RFLAGS is 2 (interrupts off). Segments are flat
 * with the selectors below; the descriptors at gdt_base agree with them. TR: a busy 32-bit (64-bit
 * in long mode) TSS, base 0, limit 67h. CR0 = PE|ET (protected) or PE|ET|PG (long), CR4 = 0 or PAE,
 * EFER = 0 or LME|LMA.
 */
struct guest_entry {
	enum guest_mode mode;
	u64 rip, rsp;
	u64 rbx; /* PVH: hvm_start_info */
	u64 rsi; /* bzImage: boot_params */
	u64 cr3; /* long mode only */
	u64 gdt_base;
	u16 gdt_limit;
	u16 cs, ds; /* ds: also es, ss */
};

struct load_error {
	char text[160]; /* one line, no full stop; names the file's fault, not the file */
	bool cmdline;	/* set where it is the command line's fault: too long for this kernel */
};

/*
 * Load as `kind` says, BOOT_AUTO by what the file is. Errors: ERR_INVAL/ERR_RANGE/ERR_CORRUPT for
 * a bad file, ERR_UNSUPPORTED/ERR_VERSION for a good one we do not speak, ERR_NOMEM when it does
 * not fit the guest's RAM, or what a callback returned; always with *why filled in. The guest's
 * memory then holds an unusable mixture and is to be scrubbed.
 */
__must_check int load_kernel(const struct load_request *r, struct guest_entry *out,
			     struct load_error *why);

/* By the first LOAD_HEAD bytes of a file (n: fewer): is it a Linux bzImage, of whatever protocol? */
#define LOAD_HEAD 0x206u
bool load_is_bzimage(const u8 *head, u64 n);

/* The two formats by name. */
__must_check int load_bzimage(const struct load_request *r, struct guest_entry *out,
			      struct load_error *why);
__must_check int load_pvh(const struct load_request *r, struct guest_entry *out,
			  struct load_error *why);

/* ---- shared by the formats -------------------------------------------------------------------- */

/* Is [base, base + size) inside one run of adjacent RAM pieces? Wraps are false. */
bool load_in_ram(const struct load_request *r, u64 base, u64 size);

/*
 * The highest place for `size` bytes, aligned down to `align`, that ends at or below `limit`, lies
 * in RAM and does not touch [avoid_start, avoid_end) or anything below 1 MiB. 0: there is none.
 */
u64 load_place_high(const struct load_request *r, u64 size, u64 align, u64 limit, u64 avoid_start,
		    u64 avoid_end);

/* Command line with its NUL at LAYOUT_CMDLINE; at most `max` bytes without the NUL. */
__must_check int load_cmdline(const struct load_request *r, u64 max, struct load_error *why);

/* GDT (null, null, code, data, TSS) at LAYOUT_GDT for `mode`; fills gdt, selectors. */
__must_check int load_gdt(const struct load_request *r, enum guest_mode mode,
			  struct guest_entry *out);

/* Identity map of the first 4 GiB at LAYOUT_PAGE_TABLES; fills cr3. */
__must_check int load_page_tables(const struct load_request *r, struct guest_entry *out);

/* Fill *why and return err. */
__must_check int load_fail(struct load_error *why, int err, const char *format, ...) __printf(3, 4);
