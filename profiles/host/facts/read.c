#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "profiles/address.h"
#include "profiles/host/facts/read.h"
#include "profiles/host/facts/schema.h"
#include "profiles/nearest.h"

#define AGAIN "Run caprock probe again, or put the value back"

struct reading {
	struct chunks *mem;
	struct reporter *r;
};

static void wrong(struct reading *g, const char *rule, const struct yaml_node *n,
		  const char *remedy, const char *what, const char *is_no)
{
	report(g->r, rule, SEVERITY_ERROR, n->at, remedy, "'%.80s' %s",
	       n->kind == YAML_SCALAR ? n->text : what, is_no);
}

static bool want(struct reading *g, const struct yaml_node *n, enum yaml_kind kind, const char *key)
{
	static const char *const kinds[] = {
	    [YAML_SCALAR] = "a text", [YAML_LIST] = "a list", [YAML_MAP] = "a map"};

	if (n->kind == kind)
		return true;
	report(g->r, "wrong-type", SEVERITY_ERROR, n->at, AGAIN, "'%s' is %s here and has to be %s",
	       key ? key : "the file", yaml_kind_name(n), kinds[kind]);
	return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void put(const struct member *m, void *object, u64 v)
{
	memcpy((u8 *)object + m->offset, &v, m->width);
}

static u64 limit_of(const struct member *m)
{
	u64 all = m->width == 8 ? ~0ull : (1ull << 8 * m->width) - 1;

	return m->unknowable ? all - 1 : all;
}

static void put_number(struct reading *g, const struct member *m, const struct yaml_node *n, u64 v,
		       void *object)
{
	if (v > limit_of(m))
		report(g->r, "out-of-range", SEVERITY_ERROR, n->at, AGAIN,
		       "'%s' is %s and can be 0x%lx at most", m->key ? m->key : "a number", n->text,
		       (unsigned long)limit_of(m));
	else
		put(m, object, v);
}

static void read_number(struct reading *g, const struct member *m, const struct yaml_node *n,
			void *object)
{
	u64 v;

	if (yaml_u64(n, &v))
		put_number(g, m, n, v, object);
	else
		wrong(g, "bad-value", n, "Write a whole number, decimal or with 0x", m->key,
		      "is no number");
}

/* A number of bytes, or a number and its unit. */
static void read_size(struct reading *g, const struct member *m, const struct yaml_node *n,
		      void *object)
{
	static const struct {
		const char *unit;
		u32 shift;
	} units[] = {{" KiB", 10}, {" MiB", 20}, {" GiB", 30}, {" TiB", 40}};
	const char *space = strchr(n->text, ' ');
	struct yaml_node number = *n;
	u64 v;

	if (space)
		number.text = chunks_print(g->mem, "%.*s", (int)(space - n->text), n->text);
	for (size_t i = 0; i < ARRAY_SIZE(units) && space; i++) {
		if (strcmp(space, units[i].unit) != 0 || !yaml_u64(&number, &v) ||
		    v > ~0ull >> units[i].shift)
			continue;
		put_number(g, m, n, v << units[i].shift, object);
		return;
	}
	if (!space && yaml_u64(n, &v))
		put_number(g, m, n, v, object);
	else
		wrong(g, "bad-value", n,
		      "Write a whole number of bytes, or one with KiB, MiB, GiB or TiB", m->key,
		      "is no size");
}

static bool find_word(struct reading *g, const struct member *m, const struct yaml_node *n, u64 *v)
{
	u32 count = 0, near;

	for (; m->words[count]; count++)
		if (!strcmp(m->words[count], n->text)) {
			*v = count;
			return true;
		}
	near = nearest_word(n->text, m->words, count, sizeof(*m->words));
	report(g->r, "bad-value", SEVERITY_ERROR, n->at,
	       near == ~0u ? AGAIN : chunks_print(g->mem, "Did you mean '%s'?", m->words[near]),
	       "'%.80s' is none of the words of '%s'", n->text, m->key);
	return false;
}

static void read_enum(struct reading *g, const struct member *m, const struct yaml_node *n,
		      void *object)
{
	u64 v;

	if (find_word(g, m, n, &v))
		put(m, object, v);
}

static void read_flags(struct reading *g, const struct member *m, const struct yaml_node *n,
		       void *object)
{
	u64 bits = 0, v;

	yaml_for_each(item, n) if (want(g, item, YAML_SCALAR, m->key) && find_word(g, m, item, &v))
	    bits |= 1ull << v;
	put(m, object, bits);
}

static void read_bool(struct reading *g, const struct member *m, const struct yaml_node *n,
		      void *object)
{
	if (!yaml_bool(n, (bool *)((u8 *)object + m->offset)))
		wrong(g, "bad-value", n, "Write true or false", m->key,
		      "is neither true nor false");
}

static void read_bdf(struct reading *g, const struct member *m, const struct yaml_node *n,
		     void *object)
{
	struct pci_address a;

	if (address_parse(n->text, &a) && a.kind == ADDRESS_BDF && !a.whole)
		*(struct bdf *)((u8 *)object + m->offset) = a.bdf;
	else
		wrong(g, "bad-value", n, "Write it as \"0000:01:00.0\"", m->key,
		      "is no address of a function");
}

static void read_path(struct reading *g, const struct member *m, const struct yaml_node *n,
		      void *object)
{
	struct pci_address a;

	if (address_parse(n->text, &a) && a.kind == ADDRESS_PATH && !a.whole)
		*(struct pci_path *)((u8 *)object + m->offset) = a.path;
	else
		wrong(g, "bad-value", n, "Write it as \"0000:00/1c.0/00.0\"", m->key,
		      "is no path to a function");
}

static void read_text(struct reading *g, const struct member *m, const struct yaml_node *n,
		      void *object)
{
	*(const char **)((u8 *)object + m->offset) = n->text;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static void read_object(struct reading *g, const struct shape *s, const struct yaml_node *n,
			const char *key, void *object);

static void read_list(struct reading *g, const struct member *m, const struct yaml_node *n,
		      void *object)
{
	u8 *items = chunks_take(g->mem, n->n + 1, m->of->size), *at = items;

	yaml_for_each(item, n)
	{
		read_object(g, m->of, item, m->key, at);
		at += m->of->size;
	}
	*(void **)((u8 *)object + m->offset) = items;
	*(u32 *)((u8 *)object + m->count) = n->n;
}

static void read_struct(struct reading *g, const struct member *m, const struct yaml_node *n,
			void *object)
{
	read_object(g, m->of, n, m->key, (u8 *)object + m->offset);
}

static const struct {
	enum yaml_kind kind;
	void (*read)(struct reading *g, const struct member *m, const struct yaml_node *n,
		     void *object);
} readers[] = {
    [MEMBER_NUMBER] = {YAML_SCALAR, read_number}, [MEMBER_HEX] = {YAML_SCALAR, read_number},
    [MEMBER_SIZE] = {YAML_SCALAR, read_size},	  [MEMBER_BOOL] = {YAML_SCALAR, read_bool},
    [MEMBER_TEXT] = {YAML_SCALAR, read_text},	  [MEMBER_ENUM] = {YAML_SCALAR, read_enum},
    [MEMBER_FLAGS] = {YAML_LIST, read_flags},	  [MEMBER_BDF] = {YAML_SCALAR, read_bdf},
    [MEMBER_PATH] = {YAML_SCALAR, read_path},	  [MEMBER_OBJECT] = {YAML_MAP, read_struct},
    [MEMBER_LIST] = {YAML_LIST, read_list},
};

static void read_member(struct reading *g, const struct member *m, const struct yaml_node *n,
			void *object)
{
	if (want(g, n, readers[m->kind].kind, m->key))
		readers[m->kind].read(g, m, n, object);
}

static const struct member *find_member(const struct shape *s, const char *key)
{
	for (u32 i = 0; i < s->n; i++)
		if (!strcmp(s->members[i].key, key))
			return &s->members[i];
	return NULL;
}

static void unknown_key(struct reading *g, const struct shape *s, const struct yaml_node *n)
{
	u32 near = nearest_word(n->key, &s->members[0].key, s->n, sizeof(s->members[0]));

	report(g->r, "unknown-key", SEVERITY_ERROR, n->key_at,
	       near == ~0u ? "Leave it out"
			   : chunks_print(g->mem, "Did you mean '%s'?", s->members[near].key),
	       "%s has no key '%.80s'", s->name, n->key);
}

static void set_unknown(const struct shape *s, void *object)
{
	for (u32 i = 0; i < s->n; i++) {
		const struct member *m = &s->members[i];

		if (m->unknowable)
			put(m, object, FACTS_UNKNOWN);
		else if (m->kind == MEMBER_OBJECT)
			set_unknown(m->of, (u8 *)object + m->offset);
	}
}

static void read_object(struct reading *g, const struct shape *s, const struct yaml_node *n,
			const char *key, void *object)
{
	if (shape_scalar(s)) {
		if (want(g, n, YAML_SCALAR, key))
			readers[s->members[0].kind].read(g, &s->members[0], n, object);
		return;
	}
	if (!want(g, n, YAML_MAP, key))
		return;
	set_unknown(s, object);
	yaml_for_each(child, n)
	{
		const struct member *m = find_member(s, child->key);

		if (m)
			read_member(g, m, child, object);
		else
			unknown_key(g, s, child);
	}
	for (u32 i = 0; i < s->n; i++)
		if (s->members[i].required && !yaml_find(n, s->members[i].key))
			report(g->r, "missing-key", SEVERITY_ERROR, n->at, AGAIN,
			       "%s has to have '%s'", s->name, s->members[i].key);
}

/* ---- a file ---------------------------------------------------------------------------------- */

static struct facts *read_tree(const struct yaml_node *root, u32 errors, struct chunks *mem,
			       struct reporter *r)
{
	struct reading g = {mem, r};
	struct facts *f = chunks_take(mem, 1, sizeof(*f));
	const struct yaml_node *version;
	u64 v;

	if (!root)
		return NULL;
	version = yaml_find(root, "version");
	if (version && yaml_u64(version, &v) && v != FACTS_VERSION) {
		report(r, "machine-file", SEVERITY_ERROR, version->at,
		       "Write it again by this version's caprock probe",
		       "the machine file is of version %s; this caprock reads %u", version->text,
		       FACTS_VERSION);
		return NULL;
	}
	read_object(&g, &facts_shape, root, NULL, f);
	if (r->errors == errors)
		facts_check(f, root, r);
	return r->errors == errors ? f : NULL;
}

struct facts *facts_read_file(const char *path, struct chunks *mem, struct reporter *r)
{
	u32 errors = r->errors;

	return read_tree(yaml_read_file(path, mem, r), errors, mem, r);
}

struct facts *facts_read_memory(const char *name, const void *data, size_t size, struct chunks *mem,
				struct reporter *r)
{
	u32 errors = r->errors;

	return read_tree(yaml_read_memory(name, data, size, mem, r), errors, mem, r);
}
