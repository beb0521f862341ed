/* The input is control registers, an address, and guest memory full of page tables. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vcpu/gwalk.h"

static const u8 *memory;
static size_t memory_size;
static u32 reads;

/* Addresses fold into the input, so that tables of tables are found. */
static int read_entry(void *ctx, gpa_t gpa, u64 *entry)
{
	u64 at = gpa.v % (memory_size + 64) & ~7ull;

	if (gpa.v & 7)
		abort();
	reads++;
	if (at + 8 > memory_size)
		return ERR_RANGE;
	memcpy(entry, memory + at, 8);
	return OK;
}

static int set_bits(void *ctx, gpa_t gpa, u32 bits)
{
	if (gpa.v & 3 || bits & ~0x60u)
		abort();
	return OK;
}

static int read_bytes(void *ctx, gpa_t gpa, void *dst, size_t n)
{
	if (!n || n > 15 || (gpa.v & 4095) + n > 4096)
		abort();
	memset(dst, 0xcc, n);
	return gpa.v & 0x1000 ? ERR_RANGE : OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct gwalk_mem mem = {
	    .read = read_bytes, .read_entry = read_entry, .set_bits = set_bits};
	struct gwalk_access access;
	u32 fault = 0;
	gpa_t gpa;
	struct gwalk_regs regs;
	struct gwalk w;
	u8 bytes[15];
	size_t got = 0;
	u64 linear;

	if (n < sizeof(regs) + 8)
		return 0;
	memcpy(&regs, data, sizeof(regs));
	memcpy(&linear, data + sizeof(regs), 8);
	memory = data + sizeof(regs) + 8;
	memory_size = n - sizeof(regs) - 8;
	reads = 0;
	if (!gwalk(&regs, &mem, linear, &w)) {
		if (w.page_size & (w.page_size - 1) || w.page_size < 4096 || w.page_size > GIB(1))
			abort();
		if ((w.gpa.v ^ linear) & (w.page_size - 1))
			abort();
		if (w.gpa.v >> 52)
			abort();
	}
	if (reads > 5)
		abort();
	access = (struct gwalk_access){linear & 1, linear & 2, linear & 4};
	if (gwalk_data(&regs, &mem, linear, &access, &gpa, &fault) == ERR_PERM && fault & ~0xfu)
		abort();
	if (!gwalk_fetch(&regs, &mem, linear, bytes, sizeof(bytes), &got) &&
	    (!got || got > sizeof(bytes)))
		abort();
	return 0;
}
