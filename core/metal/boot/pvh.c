/* Xen PVH start info, version 1 (xen/include/public/arch-x86/hvm/start_info.h). */
#include "core/base/err.h"
#include "core/metal/boot/boot_info.h"

#define START_INFO_MAGIC 0x336ec578
#define E820_RAM	 1

struct start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp;
	/* version 1 */
	u64 memmap;
	u32 memmap_entries, reserved;
};

struct module {
	u64 paddr, size, cmdline, reserved;
};

struct memmap_entry {
	u64 addr, size;
	u32 type, reserved;
};

int boot_from_pvh(u64 pa, struct boot_info *out)
{
	const struct start_info *s = (const void *)pa;

	if (s->magic != START_INFO_MAGIC)
		return ERR_INVAL;
	if (s->version < 1)
		return ERR_VERSION;
	out->source = BOOT_FROM_PVH;
	out->rsdp = s->rsdp;
	if (s->nr_modules) {
		const struct module *m = (const void *)s->modlist;

		out->bundle = m->paddr;
		out->bundle_size = m->size;
	}
	const struct memmap_entry *e = (const void *)s->memmap;

	for (u32 i = 0; i < s->memmap_entries; i++) {
		int err = boot_add_memory(out, e[i].addr, e[i].size,
					  e[i].type == E820_RAM ? MEMORY_RAM : MEMORY_RESERVED);

		if (err)
			return err;
	}
	return OK;
}
