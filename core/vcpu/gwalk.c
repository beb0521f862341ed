/* Guest page-table walk: see gwalk.h. */
#include "core/vcpu/gwalk.h"

#define CR0_WP	  (1ull << 16)
#define CR0_PG	  (1ull << 31)
#define CR4_PSE	  (1ull << 4)
#define CR4_PAE	  (1ull << 5)
#define CR4_LA57  (1ull << 12)
#define CR4_SMAP  (1ull << 21)
#define EFER_LMA  (1ull << 10)
#define EFER_NXE  (1ull << 11)
#define PTE_P	  (1ull << 0)
#define PTE_W	  (1ull << 1)
#define PTE_U	  (1ull << 2)
#define PTE_A	  (1ull << 5)
#define PTE_D	  (1ull << 6)
#define PTE_PS	  (1ull << 7)
#define PTE_NX	  (1ull << 63)
#define ADDR_MASK 0x000ffffffffff000ull /* bits 51:12 */

#define FAULT_PRESENT  1u
#define FAULT_WRITE    2u
#define FAULT_USER     4u
#define FAULT_RESERVED 8u

/* Where the entries of a walk lie that have an accessed bit, the leaf last. */
struct trail {
	u8 n;
	u64 at[5];
};

/* Bits of a linear address above these are copies of the highest one (APM vol. 2 §5.3.1). */
static bool canonical(u64 linear, u8 bits)
{
	s64 top = (s64)linear >> (bits - 1);

	return top == 0 || top == -1;
}

/* 8-byte entries: `level` 5 or 4 in long mode, 3 for PAE. The entry of level n maps 9 n + 3 bits. */
static int walk_long(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
		     u8 level, u64 table, struct gwalk *out, struct trail *trail)
{
	u64 all = PTE_W | PTE_U, any = 0, entry, size;
	u8 shift = 12 + 9 * (level - 1);
	/* A PAE directory pointer has no rights of its own (APM vol. 2 §5.2.3). */
	bool pae = level == 3;

	for (;; level--, shift -= 9) {
		gpa_t at = GPA(table | ((linear >> shift & 0x1ff) << 3));
		int err = mem->read_entry(mem->ctx, at, &entry);

		if (err)
			return err;
		if (!(entry & PTE_P))
			return ERR_NOENT;
		if (!(pae && level == 3)) {
			all &= entry;
			any |= entry;
			if (trail)
				trail->at[trail->n++] = at.v;
		}
		if (level == 1)
			break;
		if (entry & PTE_PS) {
			/* 1 GiB and 2 MiB leaves only, and no 1 GiB in PAE mode. */
			if (level > 3 || (pae && level == 3))
				return ERR_CORRUPT;
			break;
		}
		table = entry & ADDR_MASK;
	}
	size = 1ull << shift;
	out->gpa = GPA((entry & ADDR_MASK & ~(size - 1)) | (linear & (size - 1)));
	out->page_size = size;
	out->write = all & PTE_W;
	out->user = all & PTE_U;
	out->exec = !(regs->efer & EFER_NXE && any & PTE_NX);
	return OK;
}

/* One 4-byte entry, out of the aligned 8 bytes that hold it. */
static int read_entry32(const struct gwalk_mem *mem, u64 at, u64 *entry)
{
	int err = mem->read_entry(mem->ctx, GPA(at & ~7ull), entry);

	*entry = (u32)(*entry >> (at & 4 ? 32 : 0));
	return err;
}

/* Two levels of 4-byte entries (APM vol. 2 §5.2.1), 4 MiB pages with 40-bit addresses. */
static int walk_legacy(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
		       struct gwalk *out, struct trail *trail)
{
	u64 at = (regs->cr3 & 0xfffff000) | (linear >> 22 << 2), directory = 0, entry = 0;
	int err = read_entry32(mem, at, &directory);

	if (err)
		return err;
	if (!(directory & PTE_P))
		return ERR_NOENT;
	if (trail)
		trail->at[trail->n++] = at;
	out->exec = true;
	if (directory & PTE_PS && regs->cr4 & CR4_PSE) {
		out->gpa = GPA((directory & 0xffc00000) | (directory >> 13 & 0xff) << 32 |
			       (linear & 0x3fffff));
		out->page_size = MIB(4);
		out->write = directory & PTE_W;
		out->user = directory & PTE_U;
		return OK;
	}
	at = (directory & 0xfffff000) | (linear >> 12 & 0x3ff) << 2;
	err = read_entry32(mem, at, &entry);
	if (err)
		return err;
	if (!(entry & PTE_P))
		return ERR_NOENT;
	if (trail)
		trail->at[trail->n++] = at;
	out->gpa = GPA((entry & 0xfffff000) | (linear & 0xfff));
	out->page_size = PAGE_SIZE;
	out->write = directory & entry & PTE_W;
	out->user = directory & entry & PTE_U;
	return OK;
}

static int walk(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
		struct gwalk *out, struct trail *trail)
{
	if (regs->cr0 & CR0_PG && regs->efer & EFER_LMA) {
		u8 level = regs->cr4 & CR4_LA57 ? 5 : 4;

		if (!canonical(linear, 12 + 9 * level))
			return ERR_INVAL;
		return walk_long(regs, mem, linear, level, regs->cr3 & ADDR_MASK, out, trail);
	}
	linear = (u32)linear;
	if (!(regs->cr0 & CR0_PG)) {
		*out = (struct gwalk){GPA(linear), PAGE_SIZE, true, true, true};
		return OK;
	}
	if (regs->cr4 & CR4_PAE)
		return walk_long(regs, mem, linear, 3, regs->cr3 & 0xffffffe0, out, trail);
	return walk_legacy(regs, mem, linear, out, trail);
}

int gwalk(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear, struct gwalk *out)
{
	return walk(regs, mem, linear, out, NULL);
}

/* Do the rights of a present translation allow the access (APM vol. 2 §5.6)? */
static bool permitted(const struct gwalk_regs *regs, const struct gwalk *w,
		      const struct gwalk_access *access)
{
	if (!(regs->cr0 & CR0_PG))
		return true;
	if (access->user ? !w->user : w->user && regs->cr4 & CR4_SMAP && !access->ac)
		return false;
	return !access->write || w->write || (!access->user && !(regs->cr0 & CR0_WP));
}

static int page_fault(u32 *fault, u32 code)
{
	*fault = code;
	return ERR_PERM;
}

int gwalk_data(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear,
	       const struct gwalk_access *access, gpa_t *out, u32 *fault)
{
	u32 code = (access->write ? FAULT_WRITE : 0) | (access->user ? FAULT_USER : 0);
	struct trail trail = {0};
	struct gwalk w;
	int err = walk(regs, mem, linear, &w, &trail);

	if (err == ERR_NOENT)
		return page_fault(fault, code);
	if (err == ERR_CORRUPT)
		return page_fault(fault, code | FAULT_PRESENT | FAULT_RESERVED);
	if (err)
		return err;
	if (!permitted(regs, &w, access))
		return page_fault(fault, code | FAULT_PRESENT);
	for (u8 i = 0; !err && i < trail.n; i++) {
		bool dirty = access->write && i + 1 == trail.n;

		err = mem->set_bits(mem->ctx, GPA(trail.at[i]), PTE_A | (dirty ? PTE_D : 0));
	}
	*out = w.gpa;
	return err;
}

int gwalk_fetch(const struct gwalk_regs *regs, const struct gwalk_mem *mem, u64 linear, u8 *dst,
		size_t n, size_t *got)
{
	size_t first = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
	struct gwalk w;
	int err = gwalk(regs, mem, linear, &w);

	if (err)
		return err;
	if (first > n)
		first = n;
	err = mem->read(mem->ctx, w.gpa, dst, first);
	if (err)
		return err;
	*got = first;
	if (first == n)
		return OK;
	/* What lies beyond may be absent: the instruction may well end before it. */
	if (gwalk(regs, mem, linear + first, &w) == OK &&
	    mem->read(mem->ctx, w.gpa, dst + first, n - first) == OK)
		*got = n;
	return OK;
}
