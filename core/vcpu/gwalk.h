/*
 * Walk a guest's own page tables, as the processor would, to find the bytes of an instruction that
 * exited or the memory behind a linear address (APM vol. 2 ch. 5, SDM vol. 3 ch. 4).
 *
 * The tables belong to a guest and may change under the walk: every entry is read once, and the
 * reader refuses addresses that are not the guest's.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"

/* Control state of the vCPU that decides the paging mode. */
struct gwalk_regs {
	u64 cr0, cr3, cr4, efer;
};

struct gwalk_mem {
	/* Copy n bytes (at most 15, within one 4 KiB page) of guest RAM; ERR_RANGE: not RAM. */
	int (*read)(void *ctx, gpa_t gpa, void *dst, size_t n);
	/* The 8 aligned bytes at gpa, read in one access. ERR_RANGE: not RAM. */
	int (*read_entry)(void *ctx, gpa_t gpa, u64 *entry);
	/* Set bits in the aligned 4 bytes at gpa, atomically. Needed for gwalk_data() only. */
	int (*set_bits)(void *ctx, gpa_t gpa, u32 bits);
	void *ctx;
};

struct gwalk {
	gpa_t gpa;     /* of the very byte asked for */
	u64 page_size; /* of the leaf: 4 KiB, 2 MiB, 4 MiB, 1 GiB; 4 KiB without paging */
	bool write;    /* every level allows writes */
	bool user;     /* every level allows user accesses */
	bool exec;     /* no level forbids execution (EFER.NXE) */
};

/*
 * Translate. ERR_NOENT: not present. ERR_CORRUPT: an entry has a reserved large-page bit.
 * ERR_INVAL: linear is not canonical. Else what the reader returned. Accessed and dirty bits are
 * left alone: the processor has set them before it exits.
 */
__must_check int gwalk(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
		       struct gwalk *out);

/* An access that an instruction is to make on the guest's behalf. */
struct gwalk_access {
	bool write;
	bool user; /* CPL 3 */
	bool ac;   /* RFLAGS.AC, which lifts SMAP */
};

/*
 * Translate for a data access the processor has not made itself, as it would: rights checked, then
 * accessed and dirty bits set. ERR_PERM: a page fault, with its error code in *fault (APM vol. 2
 * §8.4.2). ERR_INVAL: not canonical, a general protection fault. Else as gwalk(). Protection keys
 * are not looked at.
 */
__must_check int gwalk_data(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
			    const struct gwalk_access *access, gpa_t *out, u32 *fault);

/*
 * Fetch up to n (at most 15) instruction bytes at `linear`, over two pages where needed. *got is
 * how many are there: fewer when the second page cannot be read. Fails only when the first cannot.
 */
__must_check int gwalk_fetch(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
			     u8 *dst, size_t n, size_t *got);
