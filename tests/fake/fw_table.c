#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "tests/fake/fw_table.h"

/* ---- building ------------------------------------------------------------------------------- */

void fw_put(struct fw_table *b, unsigned width, u64 v)
{
	for (unsigned i = 0; i < width; i++)
		b->bytes[b->n++] = (u8)(v >> 8 * i);
}

void fw_put_text(struct fw_table *b, const char *s, size_t n)
{
	memset(b->bytes + b->n, 0, n);
	memcpy(b->bytes + b->n, s, strlen(s) < n ? strlen(s) : n);
	b->n += n;
}

void fw_begin_table(struct fw_table *b, const char *signature)
{
	*b = (struct fw_table){.n = 0};
	fw_put_text(b, signature, 4);
	fw_put(b, 4, 0);
	fw_put(b, 1, 2); /* revision */
	fw_put(b, 1, 0); /* checksum */
	fw_put_text(b, "ACME  ", 6);
	fw_put_text(b, "ROCK    ", 8);
	fw_put(b, 4, 1);
	fw_put_text(b, "CAPR", 4);
	fw_put(b, 4, 1);
}

/* Length and checksum. */
void fw_seal(struct fw_table *b)
{
	u8 sum = 0;

	memcpy(b->bytes + 4, &(u32){(u32)b->n}, 4);
	b->bytes[9] = 0;
	for (size_t i = 0; i < b->n; i++)
		sum = (u8)(sum + b->bytes[i]);
	b->bytes[9] = (u8)-sum;
}

void fw_begin_structure(struct fw_table *b, u16 type)
{
	b->open = b->n;
	fw_put(b, 2, type);
	fw_put(b, 2, 0);
}

void fw_end_structure(struct fw_table *b)
{
	u16 length = (u16)(b->n - b->open);

	memcpy(b->bytes + b->open + 2, &length, 2);
}

void fw_scope(struct fw_table *b, u8 type, u8 id, u8 bus, u8 device, u8 function)
{
	fw_put(b, 1, type);
	fw_put(b, 1, 8);
	fw_put(b, 2, 0);
	fw_put(b, 1, id);
	fw_put(b, 1, bus);
	fw_put(b, 1, device);
	fw_put(b, 1, function);
}

void fw_drhd(struct fw_table *b, bool all, u16 segment, u64 base)
{
	fw_begin_structure(b, 0);
	fw_put(b, 1, all);
	fw_put(b, 1, 0);
	fw_put(b, 2, segment);
	fw_put(b, 8, base);
}

void fw_rmrr(struct fw_table *b, u16 segment, u64 base, u64 limit)
{
	fw_begin_structure(b, 1);
	fw_put(b, 2, 0);
	fw_put(b, 2, segment);
	fw_put(b, 8, base);
	fw_put(b, 8, limit);
}

void fw_begin_dmar(struct fw_table *b)
{
	fw_begin_table(b, "DMAR");
	fw_put(b, 1, 38); /* 39 bits */
	fw_put(b, 1, DMAR_INTR_REMAP);
	fw_put_text(b, "", 10);
}

/* One of everything, all of it in order. */
void fw_whole_dmar(struct fw_table *b)
{
	fw_begin_dmar(b);
	fw_drhd(b, false, 0, 0xfed90000);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	fw_drhd(b, true, 0, 0xfed91000);
	fw_scope(b, DMAR_SCOPE_IOAPIC, 2, 0xf0, 31, 0);
	fw_scope(b, DMAR_SCOPE_HPET, 1, 0, 31, 0);
	fw_scope(b, DMAR_SCOPE_ACPI, 7, 0, 21, 1);
	/* a bridge behind a bridge: three hops */
	fw_put(b, 1, DMAR_SCOPE_BRIDGE);
	fw_put(b, 1, 12);
	fw_put(b, 2, 0);
	fw_put(b, 1, 0);
	fw_put(b, 1, 0x40);
	fw_put(b, 6, 0x0103000001ull << 8 | 0x1c);
	fw_end_structure(b);
	fw_rmrr(b, 0, 0x7c000000, 0x7fffffff);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	fw_begin_structure(b, 2);
	fw_put(b, 1, 0);
	fw_put(b, 1, 0);
	fw_put(b, 2, 0);
	fw_scope(b, DMAR_SCOPE_BRIDGE, 0, 0, 1, 0);
	fw_end_structure(b);
	fw_begin_structure(b, 3);
	fw_put(b, 4, 0);
	fw_put(b, 8, 0xfed91000);
	fw_put(b, 4, 3);
	fw_end_structure(b);
	fw_begin_structure(b, 4);
	fw_put(b, 3, 0);
	fw_put(b, 1, 7);
	fw_put_text(b, "\\_SB.PCI0.UA01", 16);
	fw_end_structure(b);
	fw_begin_structure(b, 5);
	fw_put(b, 1, 1);
	fw_put(b, 1, 0);
	fw_put(b, 2, 0);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	fw_begin_structure(b, 6);
	fw_put(b, 4, 0);
	fw_scope(b, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 0);
	fw_end_structure(b);
	fw_seal(b);
}

void fw_ivhd(struct fw_table *b, u8 type, u16 devid, u64 base)
{
	fw_begin_structure(b, type | 0xb0 << 8);
	fw_put(b, 2, devid);
	fw_put(b, 2, 0x40);
	fw_put(b, 8, base);
	fw_put(b, 2, 0); /* segment */
	fw_put(b, 2, 0);
	fw_put(b, 4, 0);
	if (type != 0x10) {
		fw_put(b, 8, 0x246577efa2254afaull);
		fw_put(b, 8, 0x10);
	}
}

void fw_entry4(struct fw_table *b, u8 type, u16 devid, u8 data)
{
	fw_put(b, 1, type);
	fw_put(b, 2, devid);
	fw_put(b, 1, data);
}

void fw_entry8(struct fw_table *b, u8 type, u16 devid, u8 data, u32 more)
{
	fw_entry4(b, type, devid, data);
	fw_put(b, 4, more);
}

void fw_special(struct fw_table *b, u8 handle, u16 devid, u8 variety)
{
	fw_entry8(b, 72, 0, 0xd7, handle | (u32)devid << 8 | (u32)variety << 24);
}

void fw_ivmd(struct fw_table *b, u8 type, u8 flags, u16 first, u16 last, u64 base, u64 length)
{
	fw_begin_structure(b, (u16)(type | flags << 8));
	fw_put(b, 2, first);
	fw_put(b, 2, last);
	fw_put(b, 8, 0);
	fw_put(b, 8, base);
	fw_put(b, 8, length);
	fw_end_structure(b);
}

void fw_begin_ivrs(struct fw_table *b)
{
	fw_begin_table(b, "IVRS");
	fw_put(b, 4, 0x00203041);
	fw_put(b, 8, 0);
}

void fw_whole_ivrs(struct fw_table *b)
{
	fw_begin_ivrs(b);
	fw_ivhd(b, 0x10, 2, 0xfeb80000);
	fw_entry4(b, 3, 8, 0);
	fw_entry4(b, 4, 0xfffe, 0);
	fw_special(b, 33, 0xa0, 1);
	fw_end_structure(b);
	fw_ivhd(b, 0x40, 2, 0xfeb80000);
	fw_entry4(b, 3, 8, 0);
	fw_entry4(b, 0, 0, 0);
	fw_entry4(b, 4, 0xfeff, 0);
	fw_entry8(b, 67, 0xff00, 0, 0xa5u << 8);
	fw_entry4(b, 4, 0xffff, 0);
	fw_entry8(b, 66, 0x0300, 0, 0xa4u << 8);
	fw_entry8(b, 70, 0x0308, 0, 0x80000000);
	fw_entry8(b, 64, 0, 0, 0);
	fw_entry4(b, 2, 0x10, 0x40);
	fw_special(b, 33, 0xa0, 1);
	fw_special(b, 0, 0xa0, 2);
	fw_entry4(b, 240, 0xa5, 0x40);
	fw_put_text(b, "AMDI0020", 8);
	fw_put_text(b, "", 8);
	fw_put(b, 1, 2);
	fw_put(b, 1, 9);
	fw_put_text(b, "\\_SB.FUR0", 9);
	fw_end_structure(b);
	fw_ivmd(b, 0x22, IVRS_UNITY | IVRS_READ | IVRS_WRITE, 0x300, 0x307, 0x7c000000, 0x100000);
	fw_seal(b);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void keep(void *ctx, const struct table_note *note)
{
	struct fw_notes *notes = ctx;
	size_t used = strlen(notes->names);

	assert_true(strlen(note->text) > 20 && strlen(note->text) < sizeof(note->text) - 1);
	assert_null(strchr(note->text, '\n'));
	snprintf(notes->names + used, sizeof(notes->names) - used, "%s ", note->name);
	snprintf(notes->last, sizeof(notes->last), "%s", note->text);
	notes->level[note->level]++;
	notes->n++;
}

bool fw_noted(const struct fw_notes *notes, const char *name)
{
	char word[64];

	snprintf(word, sizeof(word), " %s ", name);
	return !strncmp(notes->names, word + 1, strlen(word + 1)) || strstr(notes->names, word);
}

static u64 memory[8192 * 26 / 8];

/* The first `n` bytes in an allocation of just their size; it lives until the next call. */
static const void *exact(const struct fw_table *b, size_t n)
{
	static void *copy;

	free(copy);
	copy = malloc(n ? n : 1);
	memcpy(copy, b->bytes, n);
	return copy;
}

int fw_read_dmar(const struct fw_table *b, size_t n, struct dmar *d, struct fw_notes *notes)
{
	int err;

	*notes = (struct fw_notes){0};
	err = dmar_parse(exact(b, n), n, memory, dmar_memory(n), d, keep, notes);
	if (!err)
		assert_memory_equal(d->notes, notes->level, sizeof(d->notes));
	return err;
}

int fw_read_ivrs(const struct fw_table *b, size_t n, struct ivrs *v, struct fw_notes *notes)
{
	int err;

	*notes = (struct fw_notes){0};
	err = ivrs_parse(exact(b, n), n, memory, ivrs_memory(n), v, keep, notes);
	if (!err)
		assert_memory_equal(v->notes, notes->level, sizeof(v->notes));
	return err;
}
