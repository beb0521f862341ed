/* Drivers of a Debian guest: modules of /modules, in the order that /modules/order has. */
#pragma once

/* Load them all, with what the kernel's command line has for each, as modprobe does. Says what fails. */
void drivers_load(void);
