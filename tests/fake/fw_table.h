/*
 * DMAR and IVRS tables for tests: built structure by structure as firmware would, and read with all
 * that the parsers say about them.
 */
#pragma once

#include "iommu/tables/dmar.h"
#include "iommu/tables/ivrs.h"

struct fw_table {
	u8 bytes[8192];
	size_t n;
	size_t open; /* where the structure being built began */
};

/* Little-endian; text is padded with zeros. */
void fw_put(struct fw_table *b, unsigned width, u64 v);
void fw_put_text(struct fw_table *b, const char *s, size_t n);
void fw_begin_table(struct fw_table *b, const char *signature);
void fw_seal(struct fw_table *b);
void fw_begin_structure(struct fw_table *b, u16 type);
void fw_end_structure(struct fw_table *b);
void fw_scope(struct fw_table *b, u8 type, u8 id, u8 bus, u8 device, u8 function);
void fw_drhd(struct fw_table *b, bool all, u16 segment, u64 base);
void fw_rmrr(struct fw_table *b, u16 segment, u64 base, u64 limit);
void fw_begin_dmar(struct fw_table *b);
void fw_whole_dmar(struct fw_table *b);
void fw_ivhd(struct fw_table *b, u8 type, u16 devid, u64 base);
void fw_entry4(struct fw_table *b, u8 type, u16 devid, u8 data);
void fw_entry8(struct fw_table *b, u8 type, u16 devid, u8 data, u32 more);
void fw_special(struct fw_table *b, u8 handle, u16 devid, u8 variety);
void fw_ivmd(struct fw_table *b, u8 type, u8 flags, u16 first, u16 last, u64 base, u64 length);
void fw_begin_ivrs(struct fw_table *b);
void fw_whole_ivrs(struct fw_table *b);

/* What the parsers said: the notes' names in order, each followed by a space, and the last text. */
struct fw_notes {
	u32 n, level[NOTE_ERROR + 1];
	char names[2048];
	char last[400];
};

bool fw_noted(const struct fw_notes *notes, const char *name);

/*
 * Parse the first `n` bytes. They lie in an allocation of just their size, so that a read past them is
 * seen; paths in *d stay valid until the next table is read. Where the table was understood its counts
 * of notes must be those of what was said.
 */
int fw_read_dmar(const struct fw_table *b, size_t n, struct dmar *d, struct fw_notes *notes);
int fw_read_ivrs(const struct fw_table *b, size_t n, struct ivrs *v, struct fw_notes *notes);
