/* What outlives a start on a UEFI machine: variables of our own in the firmware's store. */
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

/* `name` and `data` lie in the image. ERR_UNSUPPORTED: there is no such store. ERR_IO: it refused. */
static int set_variable(const struct boot_info *b, const u16 *name, const void *data, u64 size)
{
	static const struct {
		u32 a;
		u16 b, c;
		u8 d[8];
	} vendor = CAPROCK_VARIABLES;
	const u64 args[5] = {physical(name), physical(&vendor),
			     NON_VOLATILE | BOOT_ACCESS | RUNTIME_ACCESS, size, physical(data)};

	if (!b->set_variable || b->set_variable >= BOOT_EARLY_LIMIT)
		return ERR_UNSUPPORTED;
	return firmware_call(b->set_variable, args) ? ERR_IO : OK;
}

void boot_confirm_trial(const struct boot_info *b)
{
	static const u16 name[] = CONFIRM_VARIABLE;
	static u8 slot;
	int err;

	if (!b->trial)
		return;
	slot = b->trial;
	err = set_variable(b, name, &slot, sizeof(slot));
	if (err)
		port_log(LOG_WARN,
			 "slot %c runs, but the firmware cannot note it (%s): the next start goes "
			 "back to the other slot",
			 slot, err_text(err));
	else
		port_log(LOG_INFO, "slot %c runs and is confirmed", slot);
}

bool boot_keep_crash(const struct boot_info *b, const char *text, u32 n)
{
	static const u16 name[] = CRASH_VARIABLE;
	static char kept[BOOT_CRASH_MAX - 1];

	if (n > sizeof(kept)) {
		text += n - sizeof(kept);
		n = sizeof(kept);
	}
	for (u32 i = 0; i < n; i++)
		kept[i] = text[i];
	return !set_variable(b, name, kept, n);
}
