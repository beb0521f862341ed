/* From what is known of a device to how a guest sees it. */
#pragma once

#include "passthrough/vpci/device.h"

/* Add to `c` what the rows of the quirk table say of its host function. */
void view_quirks(struct vpci_device_config *c);
