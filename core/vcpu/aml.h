/*
 * Writing ACPI machine language (ACPI 6.5 chapter 20) into a caller's buffer: the few opcodes a
 * small DSDT needs. Running out of room sets `overflow` and writes nothing more; check it once at
 * the end.
 */
#pragma once

#include "core/base/types.h"

struct aml {
	u8 *buf;
	u32 size, len;
	bool overflow;
};

/* A package whose length is filled in by aml_end(): what aml_begin_*() returns. */
typedef u32 aml_mark;

void aml_bytes(struct aml *a, const void *bytes, u32 n);
void aml_byte(struct aml *a, u8 v);
void aml_word(struct aml *a, u16 v);
void aml_dword(struct aml *a, u32 v);
void aml_qword(struct aml *a, u64 v);

/* NameSeg of up to four characters, or a path of such segments as given ("\\_SB_", "PCI0"). */
void aml_name_seg(struct aml *a, const char *seg);
/* Integer constant in its shortest form. */
void aml_integer(struct aml *a, u64 v);
void aml_string(struct aml *a, const char *s);
/* "PNP0A08" as the compressed id it stands for (§19.3.4). */
void aml_eisa_id(struct aml *a, const char *id);

aml_mark aml_begin_scope(struct aml *a, const char *root_seg);
aml_mark aml_begin_device(struct aml *a, const char *seg);
aml_mark aml_begin_method(struct aml *a, const char *seg, u8 args);
aml_mark aml_begin_if(struct aml *a);
void aml_end(struct aml *a, aml_mark m);

/* Name(seg, ...): the caller writes the object next. */
void aml_name(struct aml *a, const char *seg);
void aml_name_integer(struct aml *a, const char *seg, u64 v);
void aml_name_eisa(struct aml *a, const char *seg, const char *id);

/* Name(_CRS, ResourceTemplate() {...}): descriptors between begin and end (§6.4). */
aml_mark aml_begin_crs(struct aml *a);
void aml_end_crs(struct aml *a, aml_mark m);
void aml_res_io(struct aml *a, u16 port, u8 length);
void aml_res_interrupt(struct aml *a, u32 gsi); /* edge, active high, exclusive, consumer */
void aml_res_memory32(struct aml *a, u32 base, u32 size);
void aml_res_bus_range(struct aml *a, u16 first, u16 last);
void aml_res_io_range(struct aml *a, u16 first, u16 last);
void aml_res_memory_window(struct aml *a, u64 base, u64 size);
