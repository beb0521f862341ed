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
	switch (rdtsc() >> 4 & 3) {
	case 0:
		power_reset();
	case 1:
		power_cf9();
	case 2:
		power_triple();
	default:
		outb(0x64, 0xfe);
		delay_us(10000);
		power_cf9();
	}
}
