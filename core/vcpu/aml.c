#include "core/base/mem.h"
#include "core/vcpu/aml.h"

#define OP_NAME	  0x08
#define OP_BYTE	  0x0a
#define OP_WORD	  0x0b
#define OP_DWORD  0x0c
#define OP_STRING 0x0d
#define OP_QWORD  0x0e
#define OP_SCOPE  0x10
#define OP_BUFFER 0x11
#define OP_METHOD 0x14
#define OP_EXT	  0x5b
#define OP_DEVICE 0x82
#define OP_IF	  0xa0

/* PkgLength is always written in its four-byte form (§20.2.4), so that it can be filled in later. */
#define PKG_BYTES 4

void aml_bytes(struct aml *a, const void *bytes, u32 n)
{
	if (a->overflow || n > a->size - a->len) {
		a->overflow = true;
		return;
	}
	memcpy(a->buf + a->len, bytes, n);
	a->len += n;
}

void aml_byte(struct aml *a, u8 v)
{
	aml_bytes(a, &v, 1);
}

void aml_word(struct aml *a, u16 v)
{
	aml_bytes(a, &v, 2);
}

void aml_dword(struct aml *a, u32 v)
{
	aml_bytes(a, &v, 4);
}

void aml_qword(struct aml *a, u64 v)
{
	aml_bytes(a, &v, 8);
}

void aml_name_seg(struct aml *a, const char *seg)
{
	for (u32 i = 0; i < 4; i++)
		aml_byte(a, *seg ? (u8)*seg++ : '_');
}

void aml_integer(struct aml *a, u64 v)
{
	if (v <= 1) {
		aml_byte(a, (u8)v); /* ZeroOp, OneOp */
	} else if (v <= 0xff) {
		aml_byte(a, OP_BYTE);
		aml_byte(a, (u8)v);
	} else if (v <= 0xffff) {
		aml_byte(a, OP_WORD);
		aml_word(a, (u16)v);
	} else if (v <= 0xffffffff) {
		aml_byte(a, OP_DWORD);
		aml_dword(a, (u32)v);
	} else {
		aml_byte(a, OP_QWORD);
		aml_qword(a, v);
	}
}

void aml_string(struct aml *a, const char *s)
{
	aml_byte(a, OP_STRING);
	do
		aml_byte(a, (u8)*s);
	while (*s++);
}

static u32 hex(char c)
{
	return c <= '9' ? (u32)(c - '0') : (u32)(c - 'A' + 10);
}

void aml_eisa_id(struct aml *a, const char *id)
{
	u32 letters = (u32)(id[0] - '@') << 10 | (u32)(id[1] - '@') << 5 | (u32)(id[2] - '@');
	u32 number = hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);

	aml_byte(a, OP_DWORD);
	aml_byte(a, (u8)(letters >> 8));
	aml_byte(a, (u8)letters);
	aml_byte(a, (u8)(number >> 8));
	aml_byte(a, (u8)number);
}

static aml_mark begin(struct aml *a)
{
	aml_mark m = a->len;

	aml_dword(a, 0);
	return m;
}

void aml_end(struct aml *a, aml_mark m)
{
	u32 n = a->len - m;

	if (a->overflow)
		return;
	a->buf[m] = (u8)((PKG_BYTES - 1) << 6 | (n & 0xf));
	a->buf[m + 1] = (u8)(n >> 4);
	a->buf[m + 2] = (u8)(n >> 12);
	a->buf[m + 3] = (u8)(n >> 20);
}

aml_mark aml_begin_scope(struct aml *a, const char *root_seg)
{
	aml_byte(a, OP_SCOPE);
	aml_mark m = begin(a);

	aml_byte(a, '\\');
	aml_name_seg(a, root_seg);
	return m;
}

aml_mark aml_begin_device(struct aml *a, const char *seg)
{
	aml_byte(a, OP_EXT);
	aml_byte(a, OP_DEVICE);
	aml_mark m = begin(a);

	aml_name_seg(a, seg);
	return m;
}

aml_mark aml_begin_method(struct aml *a, const char *seg, u8 args)
{
	aml_byte(a, OP_METHOD);
	aml_mark m = begin(a);

	aml_name_seg(a, seg);
	aml_byte(a, args);
	return m;
}

aml_mark aml_begin_if(struct aml *a)
{
	aml_byte(a, OP_IF);
	return begin(a);
}

void aml_name(struct aml *a, const char *seg)
{
	aml_byte(a, OP_NAME);
	aml_name_seg(a, seg);
}

void aml_name_integer(struct aml *a, const char *seg, u64 v)
{
	aml_name(a, seg);
	aml_integer(a, v);
}

void aml_name_eisa(struct aml *a, const char *seg, const char *id)
{
	aml_name(a, seg);
	aml_eisa_id(a, id);
}

/* ---- resources ------------------------------------------------------------------------------- */

#define RES_IO		0x47
#define RES_END		0x79
#define RES_MEMORY32	0x86
#define RES_WORD	0x88
#define RES_INTERRUPT	0x89
#define RES_QWORD	0x8a
#define RANGE_MEMORY	0
#define RANGE_IO	1
#define RANGE_BUS	2
#define RANGE_FIXED	0x0c /* producer, positive decode, minimum and maximum fixed */
#define MEMORY_RW	1    /* non-cacheable, writable */
#define IO_ENTIRE_RANGE 3

/* The buffer's size is an integer before its bytes; a word constant leaves room for any of ours. */
aml_mark aml_begin_crs(struct aml *a)
{
	aml_name(a, "_CRS");
	aml_byte(a, OP_BUFFER);
	aml_mark m = begin(a);

	aml_byte(a, OP_WORD);
	aml_word(a, 0);
	return m;
}

void aml_end_crs(struct aml *a, aml_mark m)
{
	aml_byte(a, RES_END);
	aml_byte(a, 0); /* a checksum of 0 is taken as right (§6.4.2.9) */
	if (a->overflow)
		return;
	u32 n = a->len - m - PKG_BYTES - 3;

	a->buf[m + PKG_BYTES + 1] = (u8)n;
	a->buf[m + PKG_BYTES + 2] = (u8)(n >> 8);
	aml_end(a, m);
}

void aml_res_io(struct aml *a, u16 port, u8 length)
{
	aml_byte(a, RES_IO);
	aml_byte(a, 1); /* decodes 16 bits */
	aml_word(a, port);
	aml_word(a, port);
	aml_byte(a, 1);
	aml_byte(a, length);
}

void aml_res_interrupt(struct aml *a, u32 gsi)
{
	aml_byte(a, RES_INTERRUPT);
	aml_word(a, 6);
	aml_byte(a, 3); /* consumer, edge */
	aml_byte(a, 1);
	aml_dword(a, gsi);
}

void aml_res_memory32(struct aml *a, u32 base, u32 size)
{
	aml_byte(a, RES_MEMORY32);
	aml_word(a, 9);
	aml_byte(a, 1);
	aml_dword(a, base);
	aml_dword(a, size);
}

static void word_range(struct aml *a, u8 type, u8 flags, u16 first, u16 last)
{
	aml_byte(a, RES_WORD);
	aml_word(a, 13);
	aml_byte(a, type);
	aml_byte(a, RANGE_FIXED);
	aml_byte(a, flags);
	aml_word(a, 0);
	aml_word(a, first);
	aml_word(a, last);
	aml_word(a, 0);
	aml_word(a, (u16)(last - first + 1));
}

void aml_res_bus_range(struct aml *a, u16 first, u16 last)
{
	word_range(a, RANGE_BUS, 0, first, last);
}

void aml_res_io_range(struct aml *a, u16 first, u16 last)
{
	word_range(a, RANGE_IO, IO_ENTIRE_RANGE, first, last);
}

void aml_res_memory_window(struct aml *a, u64 base, u64 size)
{
	aml_byte(a, RES_QWORD);
	aml_word(a, 43);
	aml_byte(a, RANGE_MEMORY);
	aml_byte(a, RANGE_FIXED);
	aml_byte(a, MEMORY_RW);
	aml_qword(a, 0);
	aml_qword(a, base);
	aml_qword(a, base + size - 1);
	aml_qword(a, 0);
	aml_qword(a, size);
}
