/* Any bytes as an IVRS: no fault, bounded, exactly one block in use for each unit. */
#include <stdlib.h>

#include "core/base/err.h"
#include "iommu/tables/ivrs.h"

static void check_note(void *ctx, const struct table_note *note)
{
	if (!note->text[0] || !note->name)
		abort();
	++*(u32 *)ctx;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
	size_t room = ivrs_memory(n);
	void *memory = malloc(room);
	u32 notes = 0;
	struct ivrs v;
	int err = ivrs_parse(bytes, n, memory, room, &v, check_note, &notes);
	char text[96];

	if (err == ERR_NOMEM || (err && v.complete) || (err == ERR_RANGE && !notes))
		abort();
	for (u32 i = 0; i < v.nunits; i++) {
		u32 used = 0;

		for (u32 k = 0; k < v.units[i].nentries; k++) {
			const struct ivrs_entry *e = &v.units[i].entries[k];

			if (e->last < e->first || e->offset < v.units[i].offset)
				abort();
			ivrs_entry_text(e, text, sizeof(text));
		}
		for (u32 j = 0; j < v.nunits; j++)
			used += v.units[j].used && v.units[j].devid == v.units[i].devid &&
				v.units[j].segment == v.units[i].segment;
		if (used != 1)
			abort();
	}
	free(memory);
	return 0;
}
