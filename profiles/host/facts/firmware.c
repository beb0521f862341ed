/* Who made the machine and its firmware. */
#include <unistd.h>

#include "profiles/host/facts/gather.h"

#define DMI "/sys/class/dmi/id/"

void gather_firmware(struct gather *g)
{
	g->facts.firmware = (struct facts_firmware){
	    .vendor = gather_line(g, DMI "bios_vendor"),
	    .version = gather_line(g, DMI "bios_version"),
	    .date = gather_line(g, DMI "bios_date"),
	    .system_vendor = gather_line(g, DMI "sys_vendor"),
	    .product = gather_line(g, DMI "product_name"),
	    .board = gather_line(g, DMI "board_name"),
	    .boot = access("/sys/firmware/efi", F_OK) ? "bios" : "uefi",
	};
}
