/* Dies of a triple fault, at once or after `ms=N`. */
#include "lib/guest.h"

const char guest_name[] = "triple";

void guest_main(void)
{
	delay_us(option_number("ms", 0) * 1000);
	print("triple begin\n");
	power_triple();
}
