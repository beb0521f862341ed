/* A boot bundle from anywhere: every member found lies inside it. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/cpio.h"
#include "core/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cpio c = {(void *)(uintptr_t)data, cpio_read_mapped, size};
	struct cpio_member m;
	u64 at = 0, bytes;

	while (cpio_next(&c, &at, &m) == OK)
		if (m.offset > size || m.size > size - m.offset || at > size)
			abort();
	if (cpio_find(&c, "plan", &m) == OK && (m.offset > size || m.size > size - m.offset))
		abort();
	if (cpio_extent(&c, &bytes) == OK && bytes > size)
		abort();
	return 0;
}
