#include "core/partition/layout.h"

#include "core/base/err.h"

#define LOW_TOP_MAX GIB(3)

static u64 ecam_end(u16 buses)
{
	return LAYOUT_ECAM + MIB(buses);
}

static bool buses_valid(u16 buses)
{
	return buses == 64 || buses == 128 || buses == 256;
}

/* The two windows beside ECAM when RAM below 4 GiB ends at `top`. */
static void place_mmio32(struct layout *l, u64 top)
{
	u64 start = align_up(top, GIB(1));

	l->mmio32[0] = (struct layout_window){start, LAYOUT_ECAM - start};
	l->mmio32[1] = (struct layout_window){ecam_end(l->ecam_buses),
					      LAYOUT_APIC_START - ecam_end(l->ecam_buses)};
}

/* Whole GiB below the hole, as many as the need leaves. */
static int place_low(struct layout *l, u64 memory, u64 need32)
{
	for (u64 top = LOW_TOP_MAX; top >= GIB(1); top -= GIB(1)) {
		l->low_top = min_u64(memory, top);
		place_mmio32(l, l->low_top);
		if (max_u64(l->mmio32[0].size, l->mmio32[1].size) >= need32)
			return OK;
	}
	return ERR_RANGE;
}

static void add_piece(struct layout *l, u64 base, u64 size)
{
	l->ram[l->npieces++] = (struct layout_piece){GPA(base), size};
}

static u64 pow2_at_most(u64 v)
{
	return v ? (u64)1 << (63 - __builtin_clzll(v)) : 1;
}

/* Behind all RAM, aligned for the largest BAR that can be in it. */
static int place_mmio64(struct layout *l, u64 ram_end, u64 need, u64 limit)
{
	if (need > limit)
		return ERR_RANGE;
	u64 size = align_up(need, GIB(1));
	u64 align = max_u64(GIB(1), pow2_at_most(need));

	if (align > limit)
		return ERR_RANGE;
	u64 base = align_up(max_u64(ram_end, LAYOUT_4G), align);

	if (base < LAYOUT_AMD_HOLE_END && base + size > LAYOUT_AMD_HOLE)
		base = align_up(LAYOUT_AMD_HOLE_END, align);
	if (base + size > limit)
		return ERR_RANGE;
	l->mmio64 = (struct layout_window){base, size};
	return OK;
}

int layout_make(u64 memory, u64 need32, u64 need64, u16 ecam_buses, u8 phys_bits,
		struct layout *out)
{
	struct layout l = {.ecam_buses = ecam_buses};

	if (memory < LAYOUT_MIN_RAM || !is_aligned(memory, MIB(2)) || !buses_valid(ecam_buses) ||
	    phys_bits < 32 || phys_bits > 52)
		return ERR_INVAL;

	u64 limit = (u64)1 << phys_bits;

	if (memory > limit)
		return ERR_RANGE;

	int err = place_low(&l, memory, need32);

	if (err)
		return err;
	add_piece(&l, 0, l.low_top);

	u64 end = LAYOUT_4G, rest = memory - l.low_top;
	u64 below_hole = min_u64(rest, LAYOUT_AMD_HOLE - LAYOUT_4G);

	if (below_hole) {
		add_piece(&l, LAYOUT_4G, below_hole);
		end = LAYOUT_4G + below_hole;
		rest -= below_hole;
	}
	if (rest) {
		add_piece(&l, LAYOUT_AMD_HOLE_END, rest);
		end = LAYOUT_AMD_HOLE_END + rest;
	}
	if (memory > l.low_top && end > limit)
		return ERR_RANGE;
	if (need64) {
		err = place_mmio64(&l, end, need64, limit);
		if (err)
			return err;
	}
	*out = l;
	return OK;
}

int layout_ram(u64 memory, u64 hole_need, struct layout_piece out[LAYOUT_PIECES], u32 *npieces)
{
	struct layout l;
	int err = layout_make(memory, hole_need, 0, 256, 52, &l);

	if (err)
		return err;
	for (u32 i = 0; i < l.npieces; i++)
		out[i] = l.ram[i];
	*npieces = l.npieces;
	return OK;
}

bool layout_ram_allowed(u64 base, u64 size)
{
	u64 end;

	if (!size || __builtin_add_overflow(base, size, &end))
		return false;
	if (base < LAYOUT_4G)
		return end <= LOW_TOP_MAX;
	return end <= LAYOUT_AMD_HOLE || base >= LAYOUT_AMD_HOLE_END;
}

/* ---- E820 ------------------------------------------------------------------------------------ */

struct e820_out {
	struct layout_e820 *entry;
	u32 n, max;
	bool full;
};

static void put(struct e820_out *o, u64 base, u64 end, u32 kind)
{
	if (base >= end)
		return;
	if (o->n == o->max) {
		o->full = true;
		return;
	}
	o->entry[o->n++] = (struct layout_e820){base, end - base, kind};
}

static void put_holes(struct e820_out *o, u16 ecam_buses)
{
	put(o, LAYOUT_ECAM, ecam_end(ecam_buses), E820_RESERVED);
	put(o, LAYOUT_APIC_START, LAYOUT_4G, E820_RESERVED);
}

u32 layout_e820(const struct layout_piece *ram, u32 n, u16 ecam_buses, struct layout_e820 *out,
		u32 max)
{
	struct e820_out o = {.entry = out, .max = max};
	bool holes_done = false;

	if (!n || ram[0].base.v || ram[0].size <= MIB(1))
		return 0;
	for (u32 i = 0; i < n;) {
		u64 base = ram[i].base.v, end = base + ram[i].size;

		for (i++; i < n && ram[i].base.v == end; i++)
			end += ram[i].size;
		if (base == 0) {
			/* 640 KiB, then where firmware and display memory were. */
			put(&o, 0, 0xa0000, E820_RAM);
			put(&o, LAYOUT_TABLES, MIB(1), E820_RESERVED);
			base = MIB(1);
		}
		if (base >= LAYOUT_4G && !holes_done) {
			put_holes(&o, ecam_buses);
			holes_done = true;
		}
		put(&o, base, end, E820_RAM);
	}
	if (!holes_done)
		put_holes(&o, ecam_buses);
	return o.full ? 0 : o.n;
}
