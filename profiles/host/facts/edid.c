#include <string.h>

#include "profiles/host/facts/edid.h"

#define DESCRIPTORS	 54
#define DESCRIPTOR_SIZE	 18
#define DESCRIPTOR_COUNT 4
#define TYPE_NAME	 0xfc

bool edid_name(const u8 *edid, size_t size, char out[14])
{
	static const u8 start[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};

	if (size < 128 || memcmp(edid, start, sizeof(start)) != 0)
		return false;
	for (u32 i = 0; i < DESCRIPTOR_COUNT; i++) {
		const u8 *d = edid + DESCRIPTORS + i * DESCRIPTOR_SIZE;
		u32 n = 0;

		/* a pixel clock of 0: no timing but a text */
		if (d[0] || d[1] || d[3] != TYPE_NAME)
			continue;
		while (n < 13 && d[5 + n] != '\n' && d[5 + n])
			n++;
		while (n && d[5 + n - 1] == ' ')
			n--;
		memcpy(out, d + 5, n);
		out[n] = 0;
		return n != 0;
	}
	return false;
}
