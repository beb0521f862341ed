#include "passthrough/pci/reset.h"
#include "passthrough/quirks/quirks.h"

struct quirk_sum quirks_apply(struct pci_function *f, bool bus)
{
	struct quirk_sum sum = quirks_find(&f->id);

	f->no_reset = sum.actions & QUIRK_NO_RESET;
	f->reset_settle_ms = sum.settle_ms;
	pci_reset_find(f, bus);
	f->resets = quirks_resets(&f->id, f->resets);
	return sum;
}
