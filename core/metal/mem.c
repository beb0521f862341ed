/* The four memory functions compilers call; string instructions are fast on every core we run on. */
#include "core/base/mem.h"
#include "core/base/types.h"

#undef memcpy
#undef memset

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;
	size_t words = n / 8, bytes = n % 8;

	asm volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(bytes) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if ((u64)dst - (u64)src >= n)
		return memcpy(dst, src, n);

	/* Overlapping with dst behind src: from the end, bytes first, then words. */
	u8 *d = (u8 *)dst + n;
	const u8 *s = (const u8 *)src + n;
	size_t words = n / 8;

	for (size_t i = n % 8; i; i--)
		*--d = *--s;
	d -= 8;
	s -= 8;
	asm volatile("std; rep movsq; cld" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	size_t words = n / 8, bytes = n % 8;
	u64 pattern = (u8)c * 0x0101010101010101ull;

	asm volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	asm volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(pattern) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}
