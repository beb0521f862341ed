#include "core/base/fmt.h"
#include "profiles/find.h"

bool class_matches(enum wish_class c, u32 class_code)
{
	/* PCI Code and ID Assignment 1.15: base class, and sub-class where it matters */
	static const struct {
		u32 mask, code;
	} classes[] = {
	    [CLASS_ANY] = {0, 0},
	    [CLASS_DISPLAY] = {0xff0000, 0x030000},
	    [CLASS_AUDIO] = {0xff0000, 0x040000},
	    [CLASS_NETWORK] = {0xff0000, 0x020000},
	    [CLASS_STORAGE] = {0xff0000, 0x010000},
	    [CLASS_NVME] = {0xffff00, 0x010800},
	    [CLASS_USB] = {0xffff00, 0x0c0300},
	};

	return (class_code & classes[c].mask) == classes[c].code;
}

static bool ids_match(const struct pci_ids *ids, const struct facts_function *f)
{
	return !ids->given || (ids->vendor == f->vendor && ids->device == f->device &&
			       (!ids->sub_given || (ids->subvendor == f->subvendor &&
						    ids->subdevice == f->subdevice)));
}

bool find_kind_matches(const struct wish_device *d, const struct facts_function *f)
{
	return ids_match(&d->ids, f) && class_matches((enum wish_class)d->class, f->class_code) &&
	       (!d->serial || d->serial == f->serial);
}

bool find_same_card(const struct facts_function *a, const struct facts_function *b)
{
	return a->bdf.segment == b->bdf.segment && a->bdf.bus == b->bdf.bus &&
	       a->bdf.devfn >> 3 == b->bdf.devfn >> 3;
}

bool find_wants_all(const struct wish_device *d)
{
	return d->functions == FUNCTIONS_ALL || d->address.whole;
}

/* "01:00.0", "10de:2204", "the only network device" */
const char *wish_text(struct wish_text *t, const struct wish_device *d)
{
	struct address_text at;
	size_t n = 0;

	t->s[0] = '\0';
	if (d->address.kind != ADDRESS_NONE)
		n = fmt(t->s, sizeof(t->s), "%s ", address_text(&at, &d->address));
	if (d->ids.given && n < sizeof(t->s))
		n += fmt(t->s + n, sizeof(t->s) - n, "%04x:%04x ", d->ids.vendor, d->ids.device);
	if (d->class != CLASS_ANY && n < sizeof(t->s))
		n += fmt(t->s + n, sizeof(t->s) - n, "class %s ", wish_classes[d->class]);
	if (d->serial && n < sizeof(t->s))
		n += fmt(t->s + n, sizeof(t->s) - n, "serial %016lx ", d->serial);
	if (n && n < sizeof(t->s))
		t->s[n - 1] = '\0';
	return t->s;
}

/*
 * The function that is meant. With an address what stands there; else the only one that matches, or
 * the first function of the only card when all functions are asked for. *matches: how many.
 */
u32 find_function(const struct facts *facts, const struct wish_device *d, u32 *matches, u32 *second)
{
	u32 found = FACTS_UNKNOWN;

	*matches = 0;
	for (u32 i = 0; i < facts->nfunctions; i++) {
		const struct facts_function *f = &facts->functions[i];
		bool placed = d->address.kind != ADDRESS_NONE;

		if (placed ? !address_matches(&d->address, f->bdf, &f->path)
			   : f->header_type != 0 || !find_kind_matches(d, f))
			continue;
		if (found != FACTS_UNKNOWN &&
		    (placed || (find_wants_all(d) && find_same_card(f, &facts->functions[found]))))
			continue;
		if (++*matches == 1)
			found = i;
		else if (*matches == 2)
			*second = i;
	}
	return found;
}

bool find_fits(const struct facts *facts, const struct wish_device *d)
{
	u32 n, second, at = find_function(facts, d, &n, &second);

	return at != FACTS_UNKNOWN &&
	       (d->address.kind == ADDRESS_NONE || find_kind_matches(d, &facts->functions[at]));
}
