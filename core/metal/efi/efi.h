/* The boot program: what its files share. */
#pragma once

#include "core/metal/boot/boot_info.h"
#include "core/metal/efi/uefi.h"

extern struct efi_system_table *efi;
extern efi_handle efi_image;

/* A line on the firmware's console, formatted as core/base/fmt.h. */
void efi_print(const char *format, ...) __printf(1, 2);

/* Say what is wrong and what to do about it, then stay where a person can read it. */
void efi_halt(const char *remedy, const char *format, ...) __noreturn __printf(2, 3);

/* What a status means, in words. */
const char *efi_status_text(efi_status s);

/*
 * Pages outside the range the hypervisor will be copied to. `below`: the first address they must not
 * reach. 0: there are none.
 */
u64 efi_pages(u64 pages, u64 below);

/* The slot a hypervisor vouched for since the last trial, 0: none. */
char efi_confirmed(void);
/* Forget it, before another trial. False: the firmware keeps it. */
bool efi_forget_confirmed(void);

/*
 * Choose a slot, read its bundle, note in b->note what was chosen and why. Where neither bundle can
 * be had b->bundle_size stays 0 and b->problem says why: the hypervisor refuses with that.
 */
void efi_load_bundle(struct boot_info *b);

/* Is the range the hypervisor's now, or the firmware's only until it is left? Halts when not. */
void efi_check_range(void);

/* Leave the firmware and fill in the memory map it left. */
void efi_leave(struct boot_info *b);

/* Copy the image to its place and enter it; `b` from efi_pages(). */
void efi_enter(struct boot_info *b) __noreturn;

/* For efi_enter(), from efi_pages(): nothing can be had once the firmware is left. */
void efi_prepare(void);
