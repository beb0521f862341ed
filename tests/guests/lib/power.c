/* The ways a machine ends. */
#include "lib/guest.h"

static __noreturn void wait_for_it(const char *what)
{
	delay_us(2000000);
	print("not ok - %s did nothing\n", what);
	for (;;)
		asm volatile("cli; hlt");
}

void power_off(void)
{
	if (machine.reduced) /* ACPI 6.4 §4.8.3.7: SLP_TYP in bits 4:2, SLP_EN in bit 5 */
		outb((u16)machine.sleep_reg, (u8)(machine.sleep_s5 << 2 | 0x20));
	else
		outw((u16)machine.sleep_reg, (u16)(machine.sleep_s5 << 10 | 0x2000));
	wait_for_it("power off");
}

void power_reset(void)
{
	if (!machine.reset_reg)
		power_cf9();
	outb((u16)machine.reset_reg, machine.reset_value);
	wait_for_it("ACPI reset");
}

void power_cf9(void)
{
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	wait_for_it("port 0xcf9");
}

void power_triple(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed none = {0, 0};

	asm volatile("lidt %0; ud2" ::"m"(none));
	wait_for_it("triple fault");
}
