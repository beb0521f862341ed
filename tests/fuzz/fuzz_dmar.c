/* Any bytes as a DMAR: no fault, bounded, and what comes out points into the table. */
#include <stdlib.h>

#include "core/base/err.h"
#include "iommu/tables/dmar.h"

static const u8 *start, *end;

static void check_scopes(u32 n, const struct dmar_scope *s)
{
	char text[64];

	for (u32 i = 0; i < n; i++) {
		const u8 *path = (const u8 *)s[i].path;

		if (!s[i].depth || path < start || path + 2 * s[i].depth > end)
			abort();
		dmar_scope_text(0, &s[i], text, sizeof(text));
	}
}

static void check_note(void *ctx, const struct table_note *note)
{
	if (!note->text[0] || !note->name)
		abort();
	++*(u32 *)ctx;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
	size_t room = dmar_memory(n);
	void *memory = malloc(room);
	u32 notes = 0;
	struct dmar d;
	int err = dmar_parse(bytes, n, memory, room, &d, check_note, &notes);

	start = bytes;
	end = bytes + n;
	if (err == ERR_NOMEM || (err && d.complete) || (err == ERR_RANGE && !notes))
		abort();
	for (u32 i = 0; i < d.nunits; i++)
		check_scopes(d.units[i].nscopes, d.units[i].scopes);
	for (u32 i = 0; i < d.nreserved; i++)
		check_scopes(d.reserved[i].nscopes, d.reserved[i].scopes);
	for (u32 i = 0; i < d.natsr; i++)
		check_scopes(d.atsr[i].nscopes, d.atsr[i].scopes);
	for (u32 i = 0; i < d.nsatc; i++)
		check_scopes(d.satc[i].nscopes, d.satc[i].scopes);
	for (u32 i = 0; i < d.nsidp; i++)
		check_scopes(d.sidp[i].nscopes, d.sidp[i].scopes);
	free(memory);
	return 0;
}
