#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "profiles/host/facts/schema.h"

/* Where two objects differ: keys from the top down. */
struct trail {
	char *text;
	size_t size;
};

static bool differ(const struct trail *t, const char *key, u32 index)
{
	size_t n = strlen(t->text);
	char before[256];

	/* Called from the innermost out: what is there goes behind. */
	snprintf(before, sizeof(before), "%.*s", (int)n, t->text);
	if (index == FACTS_UNKNOWN)
		snprintf(t->text, t->size, "%s%s%s", key ? key : "", *before ? "." : "", before);
	else
		snprintf(t->text, t->size, "%u%s%s", index, *before ? "." : "", before);
	return false;
}

static bool same_object(const struct shape *s, const void *a, const void *b, const struct trail *t);

static bool same_list(const struct member *m, const void *a, const void *b, const struct trail *t)
{
	u32 n = *(const u32 *)((const u8 *)a + m->count);
	const u8 *x = *(const u8 *const *)((const u8 *)a + m->offset);
	const u8 *y = *(const u8 *const *)((const u8 *)b + m->offset);

	if (n != *(const u32 *)((const u8 *)b + m->count))
		return false;
	for (u32 i = 0; i < n; i++)
		if (!same_object(m->of, x + (size_t)i * m->of->size, y + (size_t)i * m->of->size,
				 t))
			return differ(t, NULL, i);
	return true;
}

static bool same_member(const struct member *m, const void *a, const void *b, const struct trail *t)
{
	const u8 *x = (const u8 *)a + m->offset, *y = (const u8 *)b + m->offset;

	switch (m->kind) {
	case MEMBER_TEXT:
		return str_same(*(const char *const *)x, *(const char *const *)y);
	case MEMBER_BDF:
		return bdf_rid(*(const struct bdf *)x) == bdf_rid(*(const struct bdf *)y) &&
		       ((const struct bdf *)x)->segment == ((const struct bdf *)y)->segment;
	case MEMBER_PATH:
		return pci_path_equal((const struct pci_path *)x, (const struct pci_path *)y);
	case MEMBER_OBJECT:
		return same_object(m->of, x, y, t);
	case MEMBER_LIST:
		return same_list(m, a, b, t);
	default:
		return member_number(m, a) == member_number(m, b);
	}
}

static bool same_object(const struct shape *s, const void *a, const void *b, const struct trail *t)
{
	for (u32 i = 0; i < s->n; i++)
		if (!same_member(&s->members[i], a, b, t))
			return differ(t, s->members[i].key, FACTS_UNKNOWN);
	return true;
}

bool facts_equal(const struct facts *a, const struct facts *b, char *where, size_t size)
{
	struct trail t = {where, size};

	if (size)
		*where = 0;
	return same_object(&facts_shape, a, b, &t);
}
