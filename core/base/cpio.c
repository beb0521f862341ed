#include "core/base/cpio.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define MAGIC_SIZE 6u
#define FIELD_SIZE 8u

enum {
	FIELD_MODE = 1,
	FIELD_FILESIZE = 6,
	FIELD_NAMESIZE = 11,
	FIELD_CHECK = 12,
};

#define MODE_TYPE    0170000u
#define MODE_REGULAR 0100000u

int cpio_read_mapped(void *ctx, u64 off, void *dst, u64 n)
{
	memcpy(dst, (const u8 *)ctx + off, n);
	return OK;
}

static int hex_field(const u8 *header, u32 field, u32 *out)
{
	const u8 *p = header + MAGIC_SIZE + field * FIELD_SIZE;
	u32 v = 0;

	for (u32 i = 0; i < FIELD_SIZE; i++) {
		int d = str_hex_digit((char)p[i]);

		if (d < 0)
			return ERR_CORRUPT;
		v = v << 4 | (u32)d;
	}
	*out = v;
	return OK;
}

struct header {
	u32 mode, size, namesize, check;
};

static int parse_header(const u8 *raw, struct header *h)
{
	int err;

	if (memcmp(raw, "07070", 5) != 0 || (raw[5] != '1' && raw[5] != '2'))
		return ERR_CORRUPT;
	for (u32 field = 0; field <= FIELD_CHECK; field++) {
		u32 v;

		err = hex_field(raw, field, &v);
		if (err)
			return err;
		if (field == FIELD_MODE)
			h->mode = v;
		else if (field == FIELD_FILESIZE)
			h->size = v;
		else if (field == FIELD_NAMESIZE)
			h->namesize = v;
		else if (field == FIELD_CHECK)
			h->check = raw[5] == '2' ? v : 0;
	}
	return h->namesize ? OK : ERR_CORRUPT;
}

/* The name with its NUL; one that is too long is left empty, so that it matches nothing. */
static int read_name(const struct cpio *c, u64 off, u32 namesize, char name[CPIO_NAME_MAX])
{
	memset(name, 0, CPIO_NAME_MAX);
	if (namesize > CPIO_NAME_MAX)
		return OK;

	int err = c->read(c->ctx, off, name, namesize);

	if (err)
		return err;
	return name[namesize - 1] == 0 ? OK : ERR_CORRUPT;
}

int cpio_next(const struct cpio *c, u64 *at, struct cpio_member *m)
{
	u8 raw[CPIO_HEADER];
	struct header h = {0};
	u64 header = *at;
	int err;

	if (header > c->size || c->size - header < CPIO_HEADER)
		return ERR_RANGE;
	err = c->read(c->ctx, header, raw, CPIO_HEADER);
	if (err)
		return err;
	err = parse_header(raw, &h);
	if (err)
		return err;

	/*
	 * Name and contents each start on a multiple of 4 from the archive's start. The sums stay
	 * far from wrapping: header < size, and both lengths have 32 bits.
	 */
	if (c->size > ~(u64)0 - ((u64)1 << 34))
		return ERR_RANGE;

	u64 name = header + CPIO_HEADER;
	u64 data = align_up(name + h.namesize, 4);
	u64 end = data + h.size;

	if (name + h.namesize > c->size)
		return ERR_RANGE;
	err = read_name(c, name, h.namesize, m->name);
	if (err)
		return err;
	if (h.namesize == sizeof(CPIO_END) && memcmp(m->name, CPIO_END, sizeof(CPIO_END)) == 0) {
		*at = min_u64(data, c->size);
		return ERR_NOENT;
	}
	if (end > c->size)
		return ERR_RANGE;
	m->offset = data;
	m->size = h.size;
	m->mode = h.mode;
	m->check = h.check;
	*at = min_u64(align_up(end, 4), c->size);
	return OK;
}

static bool names_equal(const char *member, const char *name)
{
	if (member[0] == '.' && member[1] == '/')
		member += 2;
	while (*name && *member == *name) {
		member++;
		name++;
	}
	return *member == *name;
}

int cpio_find(const struct cpio *c, const char *name, struct cpio_member *m)
{
	u64 at = 0;

	for (;;) {
		int err = cpio_next(c, &at, m);

		if (err)
			return err;
		if ((m->mode & MODE_TYPE) == MODE_REGULAR && *name && names_equal(m->name, name))
			return OK;
	}
}

int cpio_extent(const struct cpio *c, u64 *bytes)
{
	struct cpio_member m;
	u64 at = 0;
	int err;

	do {
		err = cpio_next(c, &at, &m);
	} while (!err);
	if (err != ERR_NOENT)
		return err;
	*bytes = at;
	return OK;
}
