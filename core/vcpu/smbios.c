/* SMBIOS 3.6 (DSP0134) for a guest: who it is, its processors and its memory. */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/vcpu/gacpi.h"

#define ENTRY_SIZE 24u
#define STRINGS	   4

struct writer {
	u8 *buf;
	u32 size, len, handle;
	bool overflow;
	const char *strings[STRINGS];
	u32 nstrings, start;
};

static void bytes(struct writer *w, const void *v, u32 n)
{
	if (w->overflow || n > w->size - w->len) {
		w->overflow = true;
		return;
	}
	memcpy(w->buf + w->len, v, n);
	w->len += n;
}

static void u8s(struct writer *w, u8 v)
{
	bytes(w, &v, 1);
}

static void u16s(struct writer *w, u16 v)
{
	bytes(w, &v, 2);
}

static void u32s(struct writer *w, u32 v)
{
	bytes(w, &v, 4);
}

static void u64s(struct writer *w, u64 v)
{
	bytes(w, &v, 8);
}

static u16 begin(struct writer *w, u8 type)
{
	u16 handle = (u16)w->handle++;

	w->nstrings = 0;
	w->start = w->len;
	u8s(w, type);
	u8s(w, 0); /* length: end() */
	u16s(w, handle);
	return handle;
}

/* The number of a string of the structure being written; 0: none. */
static void string(struct writer *w, const char *s)
{
	if (!s || !*s || w->nstrings == STRINGS) {
		u8s(w, 0);
		return;
	}
	w->strings[w->nstrings++] = s;
	u8s(w, (u8)w->nstrings);
}

static void end(struct writer *w)
{
	if (!w->overflow)
		w->buf[w->start + 1] = (u8)(w->len - w->start);
	for (u32 i = 0; i < w->nstrings; i++)
		for (const char *s = w->strings[i];; s++) {
			u8s(w, (u8)*s);
			if (!*s)
				break;
		}
	if (!w->nstrings)
		u8s(w, 0);
	u8s(w, 0);
}

static u64 memory_of(const struct layout *l)
{
	u64 n = 0;

	for (u32 i = 0; i < l->npieces; i++)
		n += l->ram[i].size;
	return n;
}

static void bios_information(struct writer *w)
{
	begin(w, 0);
	string(w, "Caprock");
	string(w, "1");
	u16s(w, 0xe000);
	string(w, "01/01/2026");
	u8s(w, 0);	 /* 64 KiB */
	u64s(w, 1 << 3); /* characteristics are not given */
	u8s(w, 1);	 /* ACPI */
	u8s(w, 1 << 4);	 /* a virtual machine */
	u8s(w, 0xff);
	u8s(w, 0xff);
	u8s(w, 0xff);
	u8s(w, 0xff);
	u16s(w, 0);
	end(w);
}

/* The first three UUID fields are stored little-endian (§7.2.1). */
static void uuid(struct writer *w, const u8 id[16])
{
	static const u8 order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (u32 i = 0; i < 16; i++)
		u8s(w, id[order[i]]);
}

static void system_information(struct writer *w, const struct gacpi_config *c)
{
	begin(w, 1);
	string(w, "Caprock");
	string(w, "Dedicated workstation");
	u8s(w, 0);
	string(w, c->serial);
	uuid(w, c->uuid);
	u8s(w, 6); /* power switch */
	u8s(w, 0);
	string(w, c->name);
	end(w);
}

static void chassis(struct writer *w)
{
	begin(w, 3);
	string(w, "Caprock");
	u8s(w, 1); /* other */
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, 3); /* safe, safe, safe; no security */
	u8s(w, 3);
	u8s(w, 3);
	u8s(w, 2);
	u32s(w, 0);
	u8s(w, 0);
	u8s(w, 1);
	u8s(w, 0);
	u8s(w, 0);
	end(w);
}

static void processor(struct writer *w, const struct gacpi_config *c)
{
	u32 cores = c->ncpus / c->threads_per_core;

	if (!cores)
		cores = 1;
	begin(w, 4);
	string(w, "CPU 0");
	u8s(w, 3); /* central processor */
	u8s(w, 2); /* family unknown */
	string(w, "");
	u64s(w, 0);
	string(w, c->cpu_name);
	u8s(w, 0);
	u16s(w, 0);
	u16s(w, c->cpu_mhz);
	u16s(w, c->cpu_mhz);
	u8s(w, 0x41); /* populated, enabled */
	u8s(w, 2);    /* upgrade unknown */
	u16s(w, 0xffff);
	u16s(w, 0xffff);
	u16s(w, 0xffff);
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, cores < 256 ? (u8)cores : 0xff);
	u8s(w, cores < 256 ? (u8)cores : 0xff);
	u8s(w, c->ncpus < 256 ? (u8)c->ncpus : 0xff);
	u16s(w, 1 << 2); /* 64-bit */
	u16s(w, 2);
	u16s(w, (u16)cores);
	u16s(w, (u16)cores);
	u16s(w, (u16)c->ncpus);
	end(w);
}

static void memory(struct writer *w, const struct gacpi_config *c)
{
	const struct layout *l = c->layout;
	u64 total = memory_of(l);
	u16 array = begin(w, 16);

	u8s(w, 3); /* system board */
	u8s(w, 3); /* system memory */
	u8s(w, 6); /* multi-bit ECC: what workstations have */
	u32s(w, 0x80000000);
	u16s(w, 0xfffe);
	u16s(w, 1);
	u64s(w, total);
	end(w);

	begin(w, 17);
	u16s(w, array);
	u16s(w, 0xfffe);
	u16s(w, 0xffff);
	u16s(w, 0xffff);
	u16s(w, 0x7fff); /* in the extended size */
	u8s(w, 9);	 /* DIMM */
	u8s(w, 0);
	string(w, "DIMM 0");
	u8s(w, 0);
	u8s(w, 7); /* RAM */
	u16s(w, 1 << 1);
	u16s(w, 0);
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, 0);
	u8s(w, 0);
	u32s(w, (u32)(total >> 20));
	u16s(w, 0);
	end(w);

	for (u32 i = 0; i < l->npieces; i++) {
		begin(w, 19);
		u32s(w, ~0u); /* in the extended addresses */
		u32s(w, ~0u);
		u16s(w, array);
		u8s(w, 1);
		u64s(w, l->ram[i].base.v);
		u64s(w, l->ram[i].base.v + l->ram[i].size - 1);
		end(w);
	}
}

u32 smbios_size(const struct gacpi_config *c)
{
	return 2048;
}

int smbios_build(const struct gacpi_config *c, const struct gacpi_image *acpi, void *buffer,
		 u32 size, struct gacpi_image *out)
{
	u64 base = align_up(max_u64(LAYOUT_SMBIOS, acpi->base.v + acpi->size), 16);
	struct writer w = {.buf = buffer, .size = size, .len = ENTRY_SIZE};
	u8 entry[ENTRY_SIZE] = {'_', 'S', 'M', '3', '_', 0, ENTRY_SIZE, 3, 6, 0, 1};
	u64 table = base + ENTRY_SIZE;
	u8 sum = 0;

	if (!c->ncpus || !c->threads_per_core || !c->layout || size < ENTRY_SIZE)
		return ERR_INVAL;
	bios_information(&w);
	system_information(&w, c);
	chassis(&w);
	processor(&w, c);
	memory(&w, c);
	begin(&w, 32);
	u64s(&w, 0);
	end(&w);
	begin(&w, 127);
	end(&w);
	if (w.overflow || base + w.len > LAYOUT_TABLES_END)
		return ERR_RANGE;

	u32 used = w.len - ENTRY_SIZE;

	memcpy(entry + 12, &used, 4);
	memcpy(entry + 16, &table, 8);
	for (u32 i = 0; i < ENTRY_SIZE; i++)
		sum += entry[i];
	entry[5] = (u8)-sum;
	memcpy(buffer, entry, ENTRY_SIZE);
	*out = (struct gacpi_image){.base = GPA(base), .size = w.len};
	return OK;
}
