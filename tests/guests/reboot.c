/*
 * Starts, says so, and reboots by each way in turn (`end=` picks one for good). Memory does not
 * survive, so the harness counts the starts.
 */
#include "lib/guest.h"

const char guest_name[] = "reboot";

void guest_main(void)
{
	smp_start();
	EXPECT(machine.ncpus == option_number("cpus", machine.ncpus), "all cores came up");
	print("reboot start %lu\n", rdtsc());
	if (option("end"))
		return;

	static const struct {
		const char *name;
		void (*go)(void);
	} ways[] = {{"acpi", power_reset},
		    {"cf9", power_cf9},
		    {"triple", power_triple},
		    {"bios", power_bios},
		    {"keyboard", power_keyboard}};
	u64 way = rdtsc() / 16 % ARRAY_SIZE(ways);

	print("reboot by %s\n", ways[way].name);
	ways[way].go();
}
