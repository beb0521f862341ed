#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cpio_write.h"
#include "profiles/host/bundle.h"

static struct bundle_member *find(const struct bundle *b, const char *name)
{
	for (u32 i = 0; i < b->n; i++)
		if (!strcmp(b->members[i].name, name))
			return &b->members[i];
	return NULL;
}

static struct bundle_member *append(struct bundle *b, const char *name)
{
	struct bundle_member *grown = realloc(b->members, (b->n + 1) * sizeof(*b->members));

	if (!grown || b->n == BUNDLE_MEMBERS_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	b->members = grown;
	grown += b->n;
	*grown = (struct bundle_member){.name = strdup(name)};
	if (!grown->name)
		return NULL;
	b->n++;
	return grown;
}

static bool same(const struct bundle_member *m, const char *path, const void *head, u64 n)
{
	return m->path && !strcmp(m->path, path) && m->head_size == n &&
	       (!n || !memcmp(m->head, head, n));
}

const char *bundle_add_file(struct bundle *b, const char *path)
{
	return bundle_add_headed(b, NULL, 0, path);
}

const char *bundle_add_headed(struct bundle *b, const void *head, u64 n, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	struct bundle_member *m;
	char name[512];
	struct stat st;
	FILE *f;

	for (u32 i = 0; i < b->n; i++)
		if (same(&b->members[i], path, head, n))
			return b->members[i].name;
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	if (fstat(fileno(f), &st)) {
		fclose(f);
		return NULL;
	}
	fclose(f);
	if (!S_ISREG(st.st_mode) || n >> 32 || ((u64)st.st_size + n) >> 32) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return NULL;
	}
	snprintf(name, sizeof(name), "%.200s", base);
	for (unsigned i = 2; find(b, name); i++)
		snprintf(name, sizeof(name), "%u-%.200s", i, base);
	m = append(b, name);
	if (!m)
		return NULL;
	m->path = strdup(path);
	m->head = head;
	m->head_size = n;
	m->size = n + (u64)st.st_size;
	return m->path ? m->name : NULL;
}

bool bundle_add_data(struct bundle *b, const char *name, const void *data, u64 size)
{
	struct bundle_member *m = find(b, name) ? NULL : append(b, name);

	if (!m)
		return false;
	m->data = data;
	m->size = size;
	return true;
}

u64 bundle_size(const struct bundle *b)
{
	u64 n = cpio_member_size(CPIO_END, 0);

	for (u32 i = 0; i < b->n; i++)
		n += cpio_member_size(b->members[i].name, b->members[i].size);
	return n;
}

static int put(FILE *out, const void *data, u64 n)
{
	return fwrite(data, 1, n, out) == n ? 0 : -1;
}

static int put_padding(FILE *out, u64 n)
{
	return put(out, "\0\0\0", CPIO_PADDED(n) - n);
}

static int put_header(FILE *out, const char *name, u32 inode, u32 mode, u64 size)
{
	u64 n = strlen(name) + 1;
	char header[CPIO_HEADER];

	cpio_header(header, name, inode, mode, (u32)size);
	return put(out, header, sizeof(header)) || put(out, name, n) ||
		       put_padding(out, sizeof(header) + n)
		   ? -1
		   : 0;
}

static int copy_file(const struct bundle_member *m, FILE *out)
{
	char chunk[1 << 16];
	u64 left = m->size - m->head_size;
	FILE *f;

	if (put(out, m->head, m->head_size))
		return -1;
	f = fopen(m->path, "rb");
	if (!f)
		return -1;
	while (left) {
		size_t want = left < sizeof(chunk) ? left : sizeof(chunk);

		if (fread(chunk, 1, want, f) != want || put(out, chunk, want))
			break;
		left -= want;
	}
	if (left && !ferror(out))
		errno = EIO;
	fclose(f);
	return left ? -1 : 0;
}

int bundle_write(const struct bundle *b, FILE *out)
{
	for (u32 i = 0; i < b->n; i++) {
		const struct bundle_member *m = &b->members[i];

		if (put_header(out, m->name, i + 1, CPIO_FILE, m->size) ||
		    (m->path ? copy_file(m, out) : put(out, m->data, m->size)) ||
		    put_padding(out, m->size))
			return -1;
	}
	if (put_header(out, CPIO_END, 0, 0, 0) || fflush(out))
		return -1;
	return 0;
}

void bundle_free(struct bundle *b)
{
	for (u32 i = 0; i < b->n; i++) {
		free(b->members[i].name);
		free(b->members[i].path);
	}
	free(b->members);
	*b = (struct bundle){0};
}
