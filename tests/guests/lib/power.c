/* The ways a machine ends. */
#include "lib/internal.h"

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

void power_keyboard(void)
{
	outb(0x64, 0xfe);
	wait_for_it("the keyboard controller's reset pulse");
}

void power_bios(void)
{
	static const u8 jump[] = {0xea, 0xf0, 0xff, 0x00, 0xf0};

	if (machine.ncpus < 2)
		fatal("the jump into the BIOS needs a second core");
	memcpy((void *)TRAMPOLINE, jump, sizeof(jump));
	apic_icr(cpus[1].apic_id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	delay_us(200);
	apic_icr(cpus[1].apic_id, ICR_SIPI | ICR_ASSERT | (u32)(TRAMPOLINE >> 12));
	wait_for_it("the BIOS's reset entry");
}
