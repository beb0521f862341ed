/*
 * Looks through all of its memory for the mark of an earlier life, finds none, leaves its mark
 * everywhere, and ends (`end=`): nothing of it may be there when anybody next starts.
 */
#include "lib/guest.h"

const char guest_name[] = "scrub";

extern u8 _end[];

static u64 mark(u64 a)
{
	return (0x6d61726b6d61726bull ^ a * 0x9e3779b97f4a7c15ull) | 1;
}

void guest_main(void)
{
	u64 found = 0, first = 0, looked = 0, other = 0;

	for (u32 pass = 0; pass < 2; pass++)
		for (u32 i = 0; i < machine.nranges; i++) {
			const struct memory_range *r = &machine.ranges[i];
			u64 a = r->base < MIB(4) ? MIB(4) : r->base;

			if (r->type != 1)
				continue;
			for (; a + 8 <= r->base + r->size && a < GIB(16); a += 8) {
				volatile u64 *p = (volatile u64 *)a;

				if (pass) {
					*p = mark(a);
					continue;
				}
				looked++;
				other += *p != 0;
				if (*p == mark(a)) {
					if (!found++)
						first = a;
				}
			}
		}
	EXPECT(!found, "nothing of an earlier life in %lu MiB (%lu words, first at %#lx)",
	       looked >> 17, found, first);
	print("scrub: %lu words are not zero\n", other);
}
