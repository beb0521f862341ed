#include "core/base/err.h"
#include "core/metal/boot/boot_info.h"

int boot_add_memory(struct boot_info *b, u64 base, u64 size, enum memory_kind kind)
{
	if (!size || base + size < base)
		return OK; /* firmware lists such entries; they name nothing */
	if (b->nmemory == BOOT_MEMORY_MAX)
		return ERR_NOMEM;
	b->memory[b->nmemory++] = (struct boot_memory){base, size, kind, 0};
	return OK;
}
