/*
 * The tables that describe the guest's machine to it: ACPI 6.5 (hardware-reduced) and SMBIOS 3.6.
 *
 * Both are images for a fixed guest-physical place, built into a caller's buffer and then copied to
 * guest memory; checksums and addresses inside are final.
 */
#pragma once

#include "core/base/types.h"
#include "core/partition/layout.h"

struct gacpi_config {
	u32 ncpus; /* virtual APIC ids 0..ncpus-1, 1..1024 */
	const struct layout *layout;

	/* SMBIOS */
	const char *name;     /* workstation */
	const char *serial;   /* may be "" */
	u8 uuid[16];	      /* as in RFC 4122 text, first byte first */
	u32 threads_per_core; /* at least 1 */
	const char *cpu_name; /* processor brand string, may be "" */
	u16 cpu_mhz;	      /* 0: unknown */
};

struct gacpi_image {
	gpa_t base; /* where it must lie */
	u32 size;   /* bytes of the buffer used */
};

/* Bytes that are always enough for either image of this configuration. */
u32 gacpi_size(const struct gacpi_config *c);
u32 smbios_size(const struct gacpi_config *c);

/*
 * ACPI tables at LAYOUT_TABLES; the RSDP is the image's first byte. ERR_RANGE: does not fit `size`
 * or its place, ERR_INVAL: a configuration outside the limits above.
 */
__must_check int gacpi_build(const struct gacpi_config *c, void *buffer, u32 size,
			     struct gacpi_image *out);

/*
 * SMBIOS entry point and structures, at LAYOUT_SMBIOS or right after the ACPI image, whichever is
 * higher. Same errors.
 */
__must_check int smbios_build(const struct gacpi_config *c, const struct gacpi_image *acpi,
			      void *buffer, u32 size, struct gacpi_image *out);
