#include "passthrough/view.h"
#include "passthrough/quirks/quirks.h"

void view_quirks(struct vpci_device_config *c)
{
	struct quirk_sum sum = quirks_find(&c->host->id);

	if (sum.actions & QUIRK_HIDE_VENDOR)
		c->quirks |= VDEV_NO_VENDOR;
	c->mirror = sum.mirror;
	c->mirror_size = sum.mirror_size;
}
