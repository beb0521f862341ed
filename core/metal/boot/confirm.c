#include "core/base/err.h"
#include "core/metal/boot/boot_info.h"
#include "core/metal/layout.h"
#include "core/port.h"

#define NON_VOLATILE   1u /* UEFI 2.10 §8.2, attributes of a variable */
#define BOOT_ACCESS    2u
#define RUNTIME_ACCESS 4u

u64 firmware_call(u64 function, const u64 args[5]);

static u64 physical(const void *p)
{
	return (u64)p - IMAGE_BASE;
}

void boot_confirm_trial(const struct boot_info *b)
{
	static const u16 name[] = CONFIRM_VARIABLE;
	static const struct {
		u32 a;
		u16 b, c;
		u8 d[8];
	} vendor = CAPROCK_VARIABLES;
	static u8 slot;
	const u64 args[5] = {physical(name), physical(&vendor),
			     NON_VOLATILE | BOOT_ACCESS | RUNTIME_ACCESS, sizeof(slot),
			     physical(&slot)};
	u64 status;

	if (!b->trial)
		return;
	if (!b->set_variable || b->set_variable >= BOOT_EARLY_LIMIT) {
		port_log(LOG_WARN,
			 "slot %c runs, but this firmware cannot note it: the next start "
			 "goes back to the other slot",
			 b->trial);
		return;
	}
	slot = b->trial;
	status = firmware_call(b->set_variable, args);
	if (status)
		port_log(LOG_WARN,
			 "slot %c runs, but the firmware would not note it (status %#lx): "
			 "the next start goes back to the other slot",
			 slot, (unsigned long)status);
	else
		port_log(LOG_INFO, "slot %c runs and is confirmed", slot);
}
