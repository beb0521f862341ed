#include "tests/fake/guest_ram.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "tests/fake/machine.h"

void guest_ram_add(struct guest_ram *g, u64 base, u64 size)
{
	if (g->n == GUEST_RAM_PIECES)
		fake_fail("more than %d pieces of guest RAM", GUEST_RAM_PIECES);
	g->piece[g->n] = (struct layout_piece){GPA(base), size};
	g->bytes[g->n] = malloc(size);
	memset(g->bytes[g->n], 0xa5, size);
	g->n++;
}

void guest_ram_free(struct guest_ram *g)
{
	for (u32 i = 0; i < g->n; i++)
		free(g->bytes[i]);
	memset(g, 0, sizeof(*g));
}

/* The piece that holds gpa, and how many bytes follow in it. */
static u8 *find(struct guest_ram *g, u64 gpa, u64 *left)
{
	for (u32 i = 0; i < g->n; i++) {
		u64 off = gpa - g->piece[i].base.v;

		if (gpa >= g->piece[i].base.v && off < g->piece[i].size) {
			*left = g->piece[i].size - off;
			return g->bytes[i] + off;
		}
	}
	fake_fail("guest-physical %#llx is not RAM", (unsigned long long)gpa);
}

u8 *guest_ram_at(struct guest_ram *g, u64 gpa, u64 n)
{
	u64 left;
	u8 *p = find(g, gpa, &left);

	if (n > left)
		fake_fail("%#llx + %llu leaves its piece of guest RAM", (unsigned long long)gpa,
			  (unsigned long long)n);
	return p;
}

/* src NULL: zero. */
static void fill(struct guest_ram *g, u64 gpa, const u8 *src, u64 n)
{
	if (!n || gpa + n < gpa)
		fake_fail("an empty or wrapping range of guest memory: %#llx + %llu",
			  (unsigned long long)gpa, (unsigned long long)n);
	while (n) {
		u64 left;
		u8 *p = find(g, gpa, &left);

		if (left > n)
			left = n;
		if (src) {
			memcpy(p, src, left);
			src += left;
		} else {
			memset(p, 0, left);
		}
		gpa += left;
		n -= left;
	}
}

static const u8 *file_at(const struct load_file *f, u64 off, u64 n)
{
	if (off > f->size || n > f->size - off)
		fake_fail("%llu + %llu is outside a file of %llu bytes", (unsigned long long)off,
			  (unsigned long long)n, (unsigned long long)f->size);
	return (const u8 *)(uintptr_t)f->handle + off;
}

static int count(struct guest_ram *g)
{
	g->calls++;
	return g->fail_after && g->calls > g->fail_after ? ERR_IO : OK;
}

static int io_read(void *ctx, const struct load_file *f, u64 off, void *dst, u64 n)
{
	if (n > PAGE_SIZE)
		fake_fail("a read of %llu bytes", (unsigned long long)n);
	memcpy(dst, file_at(f, off, n), n);
	return count(ctx);
}

static int io_write(void *ctx, gpa_t gpa, const void *src, u64 n)
{
	if (n > PAGE_SIZE)
		fake_fail("a write of %llu bytes", (unsigned long long)n);
	fill(ctx, gpa.v, src, n);
	return count(ctx);
}

static int io_copy(void *ctx, gpa_t gpa, const struct load_file *f, u64 off, u64 n)
{
	struct guest_ram *g = ctx;

	fill(g, gpa.v, file_at(f, off, n), n);
	g->copied += n;
	return count(g);
}

static int io_zero(void *ctx, gpa_t gpa, u64 n)
{
	struct guest_ram *g = ctx;

	fill(g, gpa.v, NULL, n);
	g->zeroed += n;
	return count(g);
}

struct load_io guest_ram_io(struct guest_ram *g)
{
	return (struct load_io){g, io_read, io_write, io_copy, io_zero};
}
