#include "core/base/str.h"
#include "profiles/nearest.h"

#define LONGEST 63

static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + 32);
	return c == '_' || c == ' ' ? '-' : c;
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

u32 edit_distance(const char *a, const char *b)
{
	/* Optimal string alignment: three rows are all that is looked back at. */
	u32 rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];
	size_t n = str_len(a), m = str_len(b);

	if (n > LONGEST || m > LONGEST)
		return ~0u;
	for (u32 k = 0; k <= m; k++)
		last[k] = k;
	for (u32 i = 1; i <= n; i++) {
		u32 *swap = before;

		now[0] = i;
		for (u32 k = 1; k <= m; k++) {
			char x = plain(a[i - 1]), y = plain(b[k - 1]);

			now[k] = least(least(last[k], now[k - 1]) + 1, last[k - 1] + (x != y));
			if (i > 1 && k > 1 && x == plain(b[k - 2]) && plain(a[i - 2]) == y)
				now[k] = least(now[k], before[k - 2] + 1);
		}
		before = last;
		last = now;
		now = swap;
	}
	return last[m];
}

u32 nearest_word(const char *word, const void *words, u32 n, u32 stride)
{
	u32 best = ~0u, best_distance = ~0u;

	for (u32 i = 0; i < n; i++) {
		const char *w = *(const char *const *)((const u8 *)words + (u64)i * stride);
		u32 d = edit_distance(word, w);

		if (d >= best_distance || d == ~0u || d * 3 > str_len(w) + 1)
			continue;
		best = i;
		best_distance = d;
	}
	return best;
}
