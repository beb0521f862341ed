/*
 * The part of UEFI the boot program calls (UEFI 2.10, the sections named). The compiler's target is
 * Windows', whose calling convention is UEFI's.
 */
#pragma once

#include "core/base/types.h"

typedef u64 efi_status;
typedef void *efi_handle;
typedef u16 char16;

#define EFI_SUCCESS	  0
#define EFI_ERROR(n)	  (1ull << 63 | (n))
#define EFI_LOAD_ERROR	  EFI_ERROR(1)
#define EFI_ACCESS_DENIED EFI_ERROR(15)

struct efi_guid {
	u32 a;
	u16 b, c;
	u8 d[8];
};

struct efi_header { /* §4.2 */
	u64 signature;
	u32 revision, size, crc, reserved;
};

struct efi_text_output { /* §12.4 */
	void *reset;
	efi_status (*output)(struct efi_text_output *, const char16 *);
};

enum efi_memory_type { /* §7.2 */
		       EFI_LOADER_CODE = 1,
		       EFI_LOADER_DATA,
		       EFI_BOOT_SERVICES_CODE,
		       EFI_BOOT_SERVICES_DATA,
		       EFI_RUNTIME_SERVICES_CODE,
		       EFI_RUNTIME_SERVICES_DATA,
		       EFI_CONVENTIONAL,
		       EFI_UNUSABLE,
		       EFI_ACPI_RECLAIM,
		       EFI_ACPI_NVS,
		       EFI_MMIO,
		       EFI_MMIO_PORTS,
};

struct efi_memory_descriptor {
	u32 type, pad;
	u64 base, va, pages, attributes;
};

enum efi_allocate { EFI_ALLOCATE_ANY, EFI_ALLOCATE_BELOW, EFI_ALLOCATE_AT };

struct efi_boot_services { /* §4.4 */
	struct efi_header header;
	void *raise_tpl, *restore_tpl;
	efi_status (*allocate_pages)(enum efi_allocate, u32 type, u64 pages, u64 *address);
	efi_status (*free_pages)(u64 address, u64 pages);
	efi_status (*get_memory_map)(u64 *size, void *map, u64 *key, u64 *entry_size, u32 *version);
	void *allocate_pool, *free_pool;
	void *events[6], *install[3];
	efi_status (*handle_protocol)(efi_handle, const struct efi_guid *, void *);
	void *reserved, *notify, *locate_handle, *locate_device_path, *install_table;
	void *load_image, *start_image, *exit, *unload_image;
	efi_status (*exit_boot_services)(efi_handle, u64 key);
	void *monotonic;
	efi_status (*stall)(u64 us);
	efi_status (*set_watchdog)(u64 seconds, u64 code, u64 size, const char16 *);
	void *connect[2], *open[3], *protocols, *locate_handles;
	efi_status (*locate_protocol)(const struct efi_guid *, void *registration, void *);
};

struct efi_runtime_services { /* §4.5 */
	struct efi_header header;
	void *time[4], *virtual_map, *convert;
	efi_status (*get_variable)(const char16 *name, const struct efi_guid *, u32 *attributes,
				   u64 *size, void *data);
	void *next_variable;
	efi_status (*set_variable)(const char16 *name, const struct efi_guid *, u32 attributes,
				   u64 size, const void *data);
};

struct efi_table {
	struct efi_guid guid;
	const void *table;
};

struct efi_system_table { /* §4.3 */
	struct efi_header header;
	const char16 *vendor;
	u32 revision;
	efi_handle in_handle;
	void *in;
	efi_handle out_handle;
	struct efi_text_output *out;
	efi_handle error_handle;
	struct efi_text_output *error;
	struct efi_runtime_services *runtime;
	struct efi_boot_services *boot;
	u64 ntables;
	const struct efi_table *tables;
};

struct efi_loaded_image { /* §9.1 */
	u32 revision;
	efi_handle parent;
	struct efi_system_table *system;
	efi_handle device;
};

#define EFI_FILE_READ  1ull
#define EFI_FILE_WRITE 2ull

struct efi_file { /* §13.5 */
	u64 revision;
	efi_status (*open)(struct efi_file *, struct efi_file **, const char16 *name, u64 mode,
			   u64 attributes);
	efi_status (*close)(struct efi_file *);
	void *delete;
	efi_status (*read)(struct efi_file *, u64 *size, void *);
	efi_status (*write)(struct efi_file *, u64 *size, const void *);
	void *get_position;
	efi_status (*set_position)(struct efi_file *, u64);
	efi_status (*get_info)(struct efi_file *, const struct efi_guid *, u64 *size, void *);
	void *set_info;
	efi_status (*flush)(struct efi_file *);
};

struct efi_file_info {
	u64 size, file_size, physical_size;
	u8 times[48];
	u64 attributes;
	char16 name[256];
};

struct efi_file_system { /* §13.4 */
	u64 revision;
	efi_status (*open_volume)(struct efi_file_system *, struct efi_file **root);
};

enum efi_pixels { EFI_PIXELS_RGB, EFI_PIXELS_BGR, EFI_PIXELS_MASK, EFI_PIXELS_BLT_ONLY };

struct efi_graphics_info { /* §12.9 */
	u32 version, width, height, format, red, green, blue, reserved, line;
};

struct efi_graphics {
	void *query, *set, *blt;
	struct {
		u32 count, current;
		const struct efi_graphics_info *info;
		u64 info_size, base, size;
	} * mode;
};
