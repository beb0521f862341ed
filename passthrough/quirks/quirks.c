#include "passthrough/quirks/quirks.h"

struct quirk_sum quirks_find(const struct pci_identity *id)
{
	struct quirk_sum sum = {0};

	for (u32 i = 0; i < quirk_count; i++) {
		const struct quirk *q = &quirk_table[i];

		if (q->vendor != id->vendor || id->device < q->first || id->device > q->last ||
		    (id->class_code & q->class_mask) != q->class_code)
			continue;
		sum.actions |= q->actions;
		if (q->settle_ms > sum.settle_ms)
			sum.settle_ms = q->settle_ms;
		if (q->mirror_size) {
			sum.mirror = q->mirror;
			sum.mirror_size = q->mirror_size;
		}
	}
	if (sum.actions & QUIRK_RESET_KNOWN)
		sum.actions &= ~QUIRK_NO_RESET;
	return sum;
}

u8 quirks_resets(const struct pci_identity *id, u8 resets)
{
	static const struct {
		u32 action;
		u8 resets;
	} without[] = {
	    {QUIRK_NO_RESET, 0xff},
	    {QUIRK_NO_FLR, RESET_FLR | RESET_AF_FLR},
	    {QUIRK_NO_PM_RESET, RESET_PM},
	    {QUIRK_NO_BUS_RESET, RESET_BUS},
	};
	struct quirk_sum sum = quirks_find(id);

	for (u32 i = 0; i < ARRAY_SIZE(without); i++)
		if (sum.actions & without[i].action)
			resets &= ~without[i].resets;
	return resets;
}
