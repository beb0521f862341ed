/*
 * Reading an ELF file of either class: its segments and its PVH note. Every offset is checked
 * against the file; a refusal is in *why.
 */
#pragma once

#include "core/vcpu/load.h"

enum { SEGMENT_LOAD = 1, SEGMENT_NOTE = 4 };

struct load_elf {
	const struct load_request *r; /* its kernel is the file */
	struct load_error *why;
	bool is64;
	u64 phoff;
	u32 phnum, phentsize;
	bool has_entry; /* load_elf_notes() found one */
	u64 entry;	/* guest-physical, as the file says: not checked */
};

/* One segment, as the file says: only the offset of the table entry itself was checked. */
struct load_segment {
	u32 type;
	u64 offset, paddr, filesz, memsz, align;
};

/* Fill in all but r and why, which the caller sets. 1 <= phnum <= 128 afterwards. */
__must_check int load_elf_open(struct load_elf *e);

/* Segment i < phnum. */
__must_check int load_elf_segment(struct load_elf *e, u32 i, struct load_segment *s);

/* Look through a note segment for note 18 of owner "Xen"; sets has_entry and entry. */
__must_check int load_elf_notes(struct load_elf *e, const struct load_segment *s);
