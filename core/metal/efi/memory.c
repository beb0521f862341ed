/* The firmware's memory: taking some, checking ours, leaving. */
#include "core/abi.h"
#include "core/base/err.h"
#include "core/metal/efi/efi.h"

#define MAP_PAGES 16
#define TRIES	  16
#define CORES_MAX 256 /* pages taken here stay off the memory of so many cores */

static u8 *map;
static u64 map_size, map_key, entry_size;

static bool overlaps_ours(u64 base, u64 size)
{
	u64 end = HV_LOAD_ADDRESS + HV_MEMORY(CORES_MAX);

	return base < end && HV_LOAD_ADDRESS < base + size;
}

u64 efi_pages(u64 pages, u64 below)
{
	u64 spoilt[TRIES], n = 0, got = 0;

	while (n < TRIES) {
		u64 at = below - 1;

		if (efi->boot->allocate_pages(EFI_ALLOCATE_BELOW, EFI_LOADER_DATA, pages, &at))
			break;
		if (!overlaps_ours(at, pages * PAGE_SIZE)) {
			got = at;
			break;
		}
		spoilt[n++] = at;
	}
	while (n)
		efi->boot->free_pages(spoilt[--n], pages);
	/* Above is used up; below the hypervisor there are 16 MiB. */
	if (!got && below > HV_LOAD_ADDRESS) {
		u64 at = HV_LOAD_ADDRESS - 1;

		if (!efi->boot->allocate_pages(EFI_ALLOCATE_BELOW, EFI_LOADER_DATA, pages, &at))
			got = at;
	}
	return got;
}

static void read_map(void)
{
	u32 version;

	if (!map)
		map = (u8 *)efi_pages(MAP_PAGES, BOOT_EARLY_LIMIT);
	map_size = MAP_PAGES * PAGE_SIZE;
	if (!map || efi->boot->get_memory_map(&map_size, map, &map_key, &entry_size, &version))
		efi_halt("Report this machine", "the firmware's memory map cannot be read");
}

/* Ours once the firmware is left (UEFI 2.10 table 7.10). */
static bool is_ram(u32 type)
{
	return type == EFI_CONVENTIONAL ||
	       (type >= EFI_LOADER_CODE && type <= EFI_BOOT_SERVICES_DATA);
}

static const struct efi_memory_descriptor *entry(u64 at)
{
	return (const void *)(map + at);
}

void efi_check_range(void)
{
	u64 base = HV_LOAD_ADDRESS, end = base + HV_MEMORY(2), ram = 0;

	read_map();
	for (u64 i = 0; i + entry_size <= map_size; i += entry_size) {
		const struct efi_memory_descriptor *d = entry(i);
		u64 from = max_u64(d->base, base),
		    to = min_u64(d->base + d->pages * PAGE_SIZE, end);

		if (from < to && is_ram(d->type))
			ram += to - from;
	}
	if (ram < end - base)
		efi_halt(
		    "Switch off in the firmware's setup what it keeps there (S3 sleep, network "
		    "boot, vendors' tools), update the firmware, or report this machine",
		    "the firmware keeps memory at %u-%u MiB for itself, where the hypervisor must lie",
		    (unsigned)(base >> 20), (unsigned)(end >> 20) + 1);
}

/* Keeping the map makes it change; what was read last before leaving counts (§7.4.6). */
void efi_leave(struct boot_info *b)
{
	for (u32 try = 0;; try++) {
		read_map();
		if (!efi->boot->exit_boot_services(efi_image, map_key))
			break;
		if (try == TRIES)
			efi_halt("Report this machine", "the firmware cannot be left");
	}
	for (u64 i = 0; i + entry_size <= map_size; i += entry_size) {
		const struct efi_memory_descriptor *d = entry(i);
		enum memory_kind kind = is_ram(d->type) ? MEMORY_RAM
					: d->type == EFI_MMIO || d->type == EFI_MMIO_PORTS
					    ? MEMORY_MMIO
					    : MEMORY_RESERVED;

		/* A map with more ranges than fit is cut: what is left out is nobody's. */
		if (boot_add_memory(b, d->base, d->pages * PAGE_SIZE, kind))
			break;
	}
}
