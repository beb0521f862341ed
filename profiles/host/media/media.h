/*
 * Boot media from the hypervisor's two files and a boot bundle, made by mtools, sfdisk, xorriso and
 * GRUB's own programs: no file system is written by code of ours, nothing is mounted and no root is
 * needed.
 *
 *   USB image   GPT with one EFI system partition: BOOTX64.EFI and two slots (core/base/slots.h)
 *   ISO         GRUB for BIOS and UEFI, for a disc or, written as it is, a stick
 *   PXE folder  GRUB for BIOS and UEFI by TFTP
 */
#pragma once

#include "core/base/types.h"

struct media {
	const char *elf;    /* caprock.elf */
	const char *efi;    /* BOOTX64.EFI */
	const char *bundle; /* the boot bundle */
};

/* What went wrong and what to do about it, one or more lines without the last newline. */
struct media_error {
	char text[1024];
};

/*
 * Make `out`; what was there is replaced when all went well and kept otherwise. `size` is the
 * image's in bytes, 0: room for two bundles half as large again as this one. Slot a holds the
 * bundle, slot b nothing. 0, or -1 with *why.
 */
__must_check int media_make_usb(const struct media *m, const char *out, u64 size,
				struct media_error *why);

/* Make the hybrid ISO `out`, likewise. */
__must_check int media_make_iso(const struct media *m, const char *out, struct media_error *why);

/*
 * Make the folder `out`, which must not exist yet or be empty: the root of a TFTP server. Boot files
 * are MEDIA_PXE_BIOS and MEDIA_PXE_UEFI. 0, or -1 with *why.
 */
#define MEDIA_PXE_BIOS "boot/grub/i386-pc/core.0"
#define MEDIA_PXE_UEFI "boot/grub/x86_64-efi/core.efi"
__must_check int media_make_pxe(const struct media *m, const char *out, struct media_error *why);

/*
 * Put the bundle into the slot of a USB image, or a stick's block device, that is not the good one,
 * and have it tried at the next start; BOOTX64.EFI is replaced when `m->efi` is not NULL. *slot is
 * the letter used. 0, or -1 with *why: the good slot is as it was.
 */
__must_check int media_update_usb(const struct media *m, const char *image, char *slot,
				  struct media_error *why);
