/*
 * A workstation whose device attacks everybody: QEMU's edu has a DMA engine and an MSI of its own.
 * Each attempt has its control, the same engine moments before, reaching memory it may reach.
 *
 *   memory=MIB        how much this workstation has
 *   foreign0=ADDRESS  beyond that, and a host address of the neighbour's memory (foreign1= ...)
 *
 * Lines are those of the attack's table: attempt: ENGINE | KIND | WHAT | CONTROL | RESULT | FAULT.
 * The counters page tells the harness of the faults.
 */
#include "lib/edu.h"
#include "core/base/fmt.h"

const char guest_name[] = "pci_attack";

#define TARGET	MIB(9)
#define LENGTH	512
#define VECTOR	0x71
#define FOREIGN 0x72 /* never ours */

static u64 pattern = 0xa77ac00000000000ull;
static struct edu edu;
static u32 msi, tried, controls, successes;
static volatile u64 own_interrupts, foreign_interrupts, nmis;

/* Own memory by the same engine. */
static bool works(void)
{
	volatile u64 *at = (volatile u64 *)TARGET;

	pattern++;
	edu_load(&edu, &pattern, 8);
	*at = 0;
	edu_dma(&edu, EDU_BUFFER, TARGET, 8, EDU_TO_RAM);
	return *at == pattern;
}

static void tell(const char *kind, const char *what, bool control, bool succeeded)
{
	tried++;
	controls += control;
	successes += succeeded;
	print("attempt: guest's edu | %s | %s | %s | %s | counted\n", kind, what,
	      control ? "works" : "BROKEN", succeeded ? "SUCCEEDED" : "blocked");
	EXPECT(control && !succeeded, "%s %s", kind, what);
}

/*
 * A read that is blocked gives nothing of what is there: the buffer does not change or is filled with
 * ones or zeroes. The neighbour's memory holds products of its salt and is never either.
 */
static void try_address(const char *what, u64 address)
{
	volatile u64 *at = (volatile u64 *)TARGET;
	bool control = works(), leaked = false;
	u64 before = pattern;

	edu_dma(&edu, address, EDU_BUFFER, LENGTH, 0);
	for (u32 i = 0; i < LENGTH / 8; i++)
		at[i] = 0;
	edu_dma(&edu, EDU_BUFFER, TARGET, LENGTH, EDU_TO_RAM);
	for (u32 i = 0; i < LENGTH / 8; i++)
		leaked |= at[i] && at[i] != ~0ull && at[i] != before && (at[i] & 0xffff);
	tell("read", what, control, leaked && at[0] != before);
	control = works();
	edu_dma(&edu, EDU_BUFFER, address, LENGTH, EDU_TO_RAM);
	/* whether it arrived is the neighbour's to notice; here it must not have come back */
	edu_dma(&edu, address, EDU_BUFFER, 8, 0);
	tell("write", what, control, false);
}

static void on_own(struct frame *f)
{
	own_interrupts++;
	apic_eoi();
}

static void on_foreign(struct frame *f)
{
	foreign_interrupts++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	nmis++;
}

static void set_msi(u64 address, u32 data)
{
	u32 head = pci_read(edu.place, msi);
	bool wide = head >> 16 & 0x80;

	pci_write(edu.place, msi, head & ~(1u << 16));
	pci_write(edu.place, msi + 4, (u32)address);
	if (wide)
		pci_write(edu.place, msi + 8, (u32)(address >> 32));
	pci_write(edu.place, msi + (wide ? 12 : 8), data);
	pci_write(edu.place, msi, head | 1u << 16);
}

static void raise(void)
{
	mmio_write32(edu.regs + EDU_RAISE, 1);
	delay_us(2000);
	mmio_write32(edu.regs + EDU_ACK, 1);
}

static u64 own_address(void)
{
	return 0xfee00000ull | (u64)cpus[0].apic_id << 12;
}

static bool interrupt_works(void)
{
	u64 before = own_interrupts;

	set_msi(own_address(), VECTOR);
	raise();
	return WAIT_FOR(own_interrupts == before + 1, 1000000);
}

static void check_interrupt(const char *what, u64 address, u32 data)
{
	bool control = interrupt_works();
	u64 own = own_interrupts, foreign = foreign_interrupts, bad = trap_unexpected, nmi = nmis;

	set_msi(address, data);
	raise();
	tell("MSI", what, control,
	     own != own_interrupts || foreign != foreign_interrupts || bad != trap_unexpected ||
		 nmi != nmis);
}

static void attack_interrupts(void)
{
	static const struct {
		const char *what;
		u32 data;
	} list[] = {
	    {"SMI", 0x200 | FOREIGN},
	    {"NMI", 0x400 | FOREIGN},
	    {"INIT", 0x500},
	    {"ExtINT", 0x700 | FOREIGN},
	    {"vector 0", 0},
	    {"vector 15", 15},
	    {"level trigger", 0xc000 | FOREIGN},
	};
	char what[96];

	for (u32 i = 0; i < ARRAY_SIZE(list); i++) {
		fmt(what, sizeof(what), "%s to its own core", list[i].what);
		check_interrupt(what, own_address(), list[i].data);
	}
	check_interrupt("a core it does not have", 0xfee00000ull | 0x7f << 12, FOREIGN);
	check_interrupt("the hypervisor's own remappable format", 0xfee00010ull, 0);
	check_interrupt("an address above 4 GiB", 0x1fee00000ull, FOREIGN);
	check_interrupt("memory of its own", TARGET, FOREIGN);
	print(
	    "not shown here: guest's edu | DMA | messages written as data, in compatibility format | "
	    "the emulator does not block the compatibility format\n");
}

static void attack_addresses(void)
{
	char key[16], text[24], what[96];

	try_address("just beyond its memory", option_number("memory", 64) << 20);
	try_address("the first byte below 4 GiB that is nobody's", 0xfff00000);
	try_address("the gap below 1 TiB", 0xfd00000000ull);
	try_address("an address wider than any table", 1ull << 50);
	try_address("its own registers", edu.regs);
	for (u32 i = 0; i < 8; i++) {
		fmt(key, sizeof(key), "foreign%u", i);
		if (!option_text(key, text, sizeof(text)))
			continue;
		fmt(what, sizeof(what), "another's memory at host address %s", text);
		try_address(what, option_number(key, 0));
	}
}

void guest_main(void)
{
	smp_start();
	trap_set(VECTOR, on_own);
	trap_set(FOREIGN, on_foreign);
	trap_set(2, on_nmi);
	irq_on();
	edu_open(&edu);
	msi = pci_capability(edu.place, 5);
	EXPECT(works(), "its engine reaches our memory");
	EXPECT(interrupt_works(), "its interrupt reaches our core");
	print("attack begin\n");
	attack_addresses();
	attack_interrupts();
	EXPECT(works() && interrupt_works(), "it works for us to the end");
	print("attack.attempts %u\nattack.controls %u\nattack.successes %u\n", tried, controls,
	      successes);
	print("attack done\n");
}
