#include "core/base/mem.h"
#include "vgpu/edid.h"

#define EXTENSIONS 126u

static bool sums_up(const u8 *block)
{
	u8 sum = 0;

	for (u32 i = 0; i < EDID_BLOCK; i++)
		sum = (u8)(sum + block[i]);
	return !sum;
}

const char *edid_fault(const u8 *edid, u64 size)
{
	static const u8 start[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};

	if (size < EDID_BLOCK)
		return "is shorter than the 128 bytes of an EDID";
	if (memcmp(edid, start, sizeof(start)) != 0)
		return "does not begin as an EDID does";
	if (size != (edid[EXTENSIONS] + 1ull) * EDID_BLOCK)
		return "has another size than its number of extensions says";
	for (u64 at = 0; at < size; at += EDID_BLOCK)
		if (!sums_up(edid + at))
			return "has a block with a wrong checksum";
	return NULL;
}
