#include "core/base/fmt.h"
#include "core/base/str.h"
#include "profiles/address.h"

/* At most `digits` hexadecimal digits at *s, at least one; *s moves behind them. */
static bool hex(const char **s, u32 digits, u32 *v)
{
	u32 n = 0;

	for (*v = 0; n < digits && str_hex_digit(**s) >= 0; n++)
		*v = *v << 4 | (u32)str_hex_digit(*(*s)++);
	return n && str_hex_digit(**s) < 0;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* "00.0", or "00" when `whole` may be set. */
static bool devfn(const char **s, char dot, u8 *out, bool *whole)
{
	u32 dev, fn = 0;

	if (!hex(s, 2, &dev) || dev > 31)
		return false;
	*whole = !skip(s, dot);
	if (!*whole && (!hex(s, 1, &fn) || fn > 7))
		return false;
	*out = (u8)(dev << 3 | fn);
	return true;
}

static bool parse_path(const char *s, struct pci_address *out)
{
	u32 segment, bus;
	struct pci_path *p = &out->path;

	if (!hex(&s, 4, &segment) || !skip(&s, ':') || !hex(&s, 2, &bus))
		return false;
	p->segment = (u16)segment;
	p->root_bus = (u8)bus;
	while (skip(&s, '/')) {
		if (p->depth == PCI_PATH_MAX || out->whole ||
		    !devfn(&s, '.', &p->devfn[p->depth], &out->whole))
			return false;
		p->depth++;
	}
	out->kind = ADDRESS_PATH;
	return !*s && p->depth;
}

static bool starts_with(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return false;
	return true;
}

bool address_parse(const char *text, struct pci_address *out)
{
	struct pci_address a = {.kind = ADDRESS_BDF};
	const char *s = text, *start;
	char colon = ':', dot = '.';
	u32 first, second;

	for (const char *p = text; *p; p++) {
		if (*p != '/')
			continue;
		a = (struct pci_address){0};
		if (!parse_path(text, &a))
			return false;
		*out = a;
		return true;
	}
	if (starts_with(s, "pci_")) { /* libvirt's node device names */
		colon = dot = '_';
		s += 4;
	} else if (starts_with(s, "pci-")) { /* udev's ID_PATH */
		s += 4;
	}
	start = s;
	if (!hex(&s, 4, &first) || !skip(&s, colon))
		return false;

	const char *mark = s;
	bool four = s - start == 5; /* digits of a segment, and the colon */

	/* With a segment there are two colons. */
	if (hex(&s, 2, &second) && skip(&s, colon)) {
		if (!four)
			return false;
		a.bdf.segment = (u16)first;
		first = second;
	} else {
		if (colon == '_')
			return false;
		s = mark;
	}
	if (first > 0xff || !devfn(&s, dot, &a.bdf.devfn, &a.whole) || *s)
		return false;
	a.bdf.bus = (u8)first;
	*out = a;
	return true;
}

bool ids_parse(const char *s, struct pci_ids *out)
{
	struct pci_ids ids = {.given = true};
	u32 v[4] = {0}, n = 0;

	do {
		const char *start = s;

		if (n == 4 || !hex(&s, 4, &v[n]) || s - start != 4)
			return false;
		n++;
	} while (skip(&s, ':'));
	if (*s || (n != 2 && n != 4))
		return false;
	ids.sub_given = n == 4;
	ids.vendor = (u16)v[0];
	ids.device = (u16)v[1];
	ids.subvendor = (u16)v[2];
	ids.subdevice = (u16)v[3];
	*out = ids;
	return true;
}

bool slot_parse(const char *s, u8 *out)
{
	bool whole;
	u8 v;

	if (!devfn(&s, '.', &v, &whole) || whole || *s)
		return false;
	*out = v;
	return true;
}

const char *address_bdf_text(struct address_text *t, struct bdf b)
{
	fmt(t->s, sizeof(t->s), "%04x:%02x:%02x.%x", b.segment, b.bus, b.devfn >> 3, b.devfn & 7);
	return t->s;
}

const char *address_text(struct address_text *t, const struct pci_address *a)
{
	if (a->kind == ADDRESS_PATH)
		pci_path_text(&a->path, t->s, sizeof(t->s));
	else
		address_bdf_text(t, a->bdf);
	if (a->whole)
		t->s[str_len(t->s) - 2] = '\0';
	return t->s;
}

bool address_matches(const struct pci_address *a, struct bdf bdf, const struct pci_path *path)
{
	u8 mask = a->whole ? 0xf8 : 0xff;
	struct pci_path p = *path;

	if (a->kind == ADDRESS_BDF)
		return a->bdf.segment == bdf.segment && a->bdf.bus == bdf.bus &&
		       (a->bdf.devfn & mask) == (bdf.devfn & mask);
	if (a->kind != ADDRESS_PATH || !p.depth || p.depth > PCI_PATH_MAX)
		return false;
	p.devfn[p.depth - 1] &= mask;
	return pci_path_equal(&a->path, &p);
}
