/* The blob's layout. Private to its encoder and decoder; little-endian, every record at 8 bytes. */
#pragma once

#include "core/base/types.h"

struct blob_header {
	u64 magic;
	u16 major, minor;
	u32 header_size;
	u64 size; /* of the whole blob */
	u32 crc;  /* CRC-32C of the whole blob with this field 0 */
	u32 reserved;
};

struct blob_record {
	u16 tag;
	u16 flags;
	u32 size; /* of the payload, without its padding to 8 bytes */
};

#define BLOB_MUST_KNOW 1u /* flags: a reader that does not know the tag refuses the blob */

enum blob_tag {
	TAG_PLAN = 1,	     /* struct blob_plan */
	TAG_WORKSTATION = 2, /* records */

	TAG_WS_FIXED = 16, /* struct blob_ws */
	TAG_WS_NAME = 17,  /* strings: bytes without a NUL */
	TAG_WS_SERIAL = 18,
	TAG_WS_KERNEL = 19,
	TAG_WS_INITRD = 20,
	TAG_WS_CMDLINE = 21,
	TAG_WS_CPUS = 22,   /* u32[] */
	TAG_WS_RAM = 23,    /* struct blob_ram[] */
	TAG_WS_DEVICE = 24, /* records */

	TAG_DEV_FIXED = 32, /* struct blob_device */
	TAG_DEV_ROM = 33,   /* string */
};

struct blob_plan {
	u64 hv_base, hv_size, bundle_base, bundle_size;
	u32 host_cpu, log_level;
};

#define BLOB_WS_AUTOSTART 1u

struct blob_ws {
	u8 uuid[16];
	u32 rights, boot, flags, reserved;
	u64 grant_base, grant_size;
};

struct blob_ram {
	u64 gpa, hpa, size;
};

#define BLOB_DEV_KEEP_RESERVED 1u
#define BLOB_DEV_SRIOV_VFS     2u
#define BLOB_DEV_P2P	       4u

struct blob_device {
	u16 segment;
	u8 root_bus, depth;
	u8 devfn[16];
	u16 vendor, device, subvendor, subdevice;
	u8 guest_devfn, flags;
	u16 num_vfs;
	u64 serial;
};

_Static_assert(sizeof(struct blob_header) == 32 && sizeof(struct blob_record) == 8 &&
		   sizeof(struct blob_plan) == 40 && sizeof(struct blob_ws) == 48 &&
		   sizeof(struct blob_ram) == 24 && sizeof(struct blob_device) == 40,
	       "no padding");
