#include "passthrough/pci/caps.h"
#include "core/base/mem.h"

/* One bit a dword of the space. */
struct seen {
	u64 bits[PCI_CONFIG_SIZE / 4 / 64];
};

static bool see(struct seen *s, u16 off)
{
	u64 *word = &s->bits[off / 256], bit = 1ull << (off / 4 % 64);
	bool before = *word & bit;

	*word |= bit;
	return before;
}

static void read_standard(struct pci_caps *c, pci_read_fn read, const void *ctx, struct seen *seen)
{
	u32 status = read(ctx, PCI_STATUS, 2);
	u16 off;

	if (status == 0xffff) {
		c->problems |= PCI_CAPS_GONE;
		return;
	}
	if (!(status & PCI_STATUS_CAPS))
		return;
	/* the two low bits are reserved and to be masked (PCI 3.0 §6.7) */
	off = (u16)(read(ctx, PCI_CAPABILITIES, 1) & 0xfc);
	while (off) {
		u32 header;

		if (off < PCI_HEADER_SIZE) {
			c->problems |= PCI_CAPS_POINTER;
			return;
		}
		if (see(seen, off)) {
			c->problems |= PCI_CAPS_LOOP;
			return;
		}
		header = read(ctx, off, 2);
		if (header == 0xffff) {
			c->problems |= PCI_CAPS_GONE;
			return;
		}
		c->standard[c->nstandard++] = (struct pci_cap){
		    .id = header & 0xff,
		    .off = off,
		    .size = pci_cap_size(read, ctx, off, header & 0xff),
		};
		off = header >> 8 & 0xfc;
	}
}

/* §7.6.3: a first header of zeros, or all ones, is a function without extended capabilities. */
static void read_extended(struct pci_caps *c, pci_read_fn read, const void *ctx, struct seen *seen)
{
	u16 off = PCI_STANDARD_SIZE;

	while (off) {
		u32 header;

		if (off < PCI_STANDARD_SIZE || off % 4) {
			c->problems |= PCI_CAPS_POINTER;
			return;
		}
		if (see(seen, off)) {
			c->problems |= PCI_CAPS_LOOP;
			return;
		}
		header = read(ctx, off, 4);
		if (header == ~0u) {
			if (off != PCI_STANDARD_SIZE)
				c->problems |= PCI_CAPS_GONE;
			return;
		}
		if (!header)
			return;
		if ((header & 0xffff) != PCI_EXT_NULL && c->nextended < PCI_EXTENDED_CAPS_MAX)
			c->extended[c->nextended++] = (struct pci_cap){
			    .id = header & 0xffff,
			    .off = off,
			    .version = header >> 16 & 0xf,
			    .size = pci_ext_cap_size(read, ctx, off, header & 0xffff),
			};
		off = (u16)(header >> 20);
	}
}

/* Where the space after `cap` ends: at the next capability, in whichever order they are listed. */
static void cut(struct pci_caps *c, struct pci_cap *cap, const struct pci_cap *list, u32 n, u32 end)
{
	for (u32 i = 0; i < n; i++)
		if (list[i].off > cap->off && list[i].off < end)
			end = list[i].off;
	cap->whole = cap->size <= end - cap->off;
	if (cap->whole)
		return;
	cap->size = (u16)(end - cap->off);
	c->problems |= PCI_CAPS_OVERLAP;
}

void pci_caps_read(struct pci_caps *c, pci_read_fn read, const void *ctx, u16 size)
{
	struct seen seen = {{0}};

	memset(c, 0, sizeof(*c));
	read_standard(c, read, ctx, &seen);
	if (size > PCI_STANDARD_SIZE)
		read_extended(c, read, ctx, &seen);
	for (u32 i = 0; i < c->nstandard; i++)
		cut(c, &c->standard[i], c->standard, c->nstandard, PCI_STANDARD_SIZE);
	for (u32 i = 0; i < c->nextended; i++)
		cut(c, &c->extended[i], c->extended, c->nextended, PCI_CONFIG_SIZE);
}

static const struct pci_cap *find(const struct pci_cap *list, u32 n, u16 id)
{
	for (u32 i = 0; i < n; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

const struct pci_cap *pci_cap_find(const struct pci_caps *c, u16 id)
{
	return find(c->standard, c->nstandard, id);
}

const struct pci_cap *pci_ext_cap_find(const struct pci_caps *c, u16 id)
{
	return find(c->extended, c->nextended, id);
}

const char *pci_caps_problem_text(u32 problems)
{
	static const char *const text[] = {
	    "its capability list loops",
	    "its capability list points where no capability can be",
	    "it stopped answering inside its capability list",
	    "two of its capabilities overlap",
	};

	return problems ? text[__builtin_ctz(problems)] : "";
}
