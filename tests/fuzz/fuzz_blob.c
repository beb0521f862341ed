/*
 * A blob from anybody: decoded, proven against the sample machine, encoded again to the same plan.
 * The checksum is put right first, or nothing behind it would ever be reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/partition/blob.h"
#include "core/partition/prove.h"
#include "tests/fake/sample_plan.h"

static void again(const struct plan *p)
{
	u64 n = blob_size(p);
	u8 *blob = malloc(n), *arena;
	struct blob_error why;
	struct plan q;
	u64 room;

	if (blob_encode(p, blob, n))
		abort();
	room = blob_arena_size(blob, n);
	arena = malloc(room ? room : 1);
	if (blob_decode(blob, n, arena, room, &q, &why) || q.nworkstations != p->nworkstations)
		abort();
	for (u32 i = 0; i < q.nworkstations; i++)
		if (!plan_workstation_equal(&p->workstations[i], &q.workstations[i]))
			abort();
	free(arena);
	free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	u8 *in = malloc(n ? n : 1), *arena;
	struct blob_error why;
	struct plan p;
	u64 room;

	sample_reset();
	memcpy(in, data, n);
	if (n >= 32) {
		u64 magic = BLOB_MAGIC, size = n;
		u32 crc;

		memcpy(in, &magic, 8);
		memcpy(in + 16, &size, 8);
		memset(in + 24, 0, 4);
		crc = crc32c(0, in, n);
		memcpy(in + 24, &crc, 4);
	}
	room = blob_arena_size(in, n);
	arena = malloc(room ? room : 1);
	if (!blob_decode(in, n, arena, room, &p, &why)) {
		(void)!prove(&sample_machine, &sample_plan, &p, NULL, NULL);
		again(&p);
	} else if (!why.text[0]) {
		abort();
	}
	free(arena);
	free(in);
	return 0;
}
