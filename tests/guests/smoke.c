/* First light: the processor, a model register, the console, memory, configuration space. */
#include "lib/guest.h"

const char guest_name[] = "smoke";

static void check_memory(void)
{
	u64 total = 0, tested = 0, bad = 0;

	for (u32 i = 0; i < machine.nranges; i++) {
		const struct memory_range *r = &machine.ranges[i];

		if (i)
			EXPECT(r->base >= machine.ranges[i - 1].base + machine.ranges[i - 1].size,
			       "memory range %u begins behind the one before", i);
		if (r->type != 1)
			continue;
		total += r->size;
		/* First and last word of every 2 MiB; not below 2 MiB, where we and the tables are. */
		for (u64 a = r->base < MIB(2) ? MIB(2) : r->base;
		     a + MIB(2) <= r->base + r->size && a < GIB(15); a += MIB(2), tested += 2) {
			volatile u64 *first = (volatile u64 *)a;
			volatile u64 *last = (volatile u64 *)(a + MIB(2) - 8);

			u64 keep[2] = {*first, *last};

			*first = a ^ 0x5555;
			*last = ~a;
			bad += *first != (a ^ 0x5555) || *last != ~a;
			*first = keep[0];
			*last = keep[1];
		}
	}
	EXPECT(machine.nranges > 0 && total > MIB(16), "the memory map names RAM");
	EXPECT(tested && !bad, "all of it keeps what is written");
	print("memory %lu MiB in %u ranges\n", total >> 20, machine.nranges);
}

static void check_pci(void)
{
	u32 cf8 = pci_cf8_read(0, 0, 0), ecam;

	EXPECT(cf8 != ~0u, "CF8/CFC finds a host bridge at 00:00.0 (%08x)", cf8);
	EXPECT(pci_cf8_read(0, 0xf9, 0) == ~0u || (pci_cf8_read(0, 0xf9, 0) & 0xffff) != 0,
	       "a function that is not there reads all ones");
	if (!EXPECT(machine.ecam != 0, "the MCFG names an ECAM window"))
		return;
	ecam = mmio_read32(pci_ecam_address(0, 0, 0));
	EXPECT(ecam == cf8, "ECAM finds the same bridge at %#lx", machine.ecam);
	EXPECT(mmio_read16(pci_ecam_address(0, 0, 2)) == cf8 >> 16, "16-bit ECAM reads");
	EXPECT(mmio_read8(pci_ecam_address(0, 0, 3)) == cf8 >> 24, "8-bit ECAM reads");
	EXPECT(mmio_read32(pci_ecam_address(0, 30 << 3, 0)) == ~0u, "an empty slot reads all ones");
	EXPECT(mmio_read32(pci_ecam_address(machine.ecam_last, 0, 0)) == ~0u,
	       "an empty bus reads all ones");
}

static void check_uart(void)
{
	u8 status;

	outb(0x3ff, 0xa5);
	EXPECT(inb(0x3ff) == 0xa5, "the UART keeps its scratch register");
	outb(0x3fc, 0x1e); /* loopback, OUT2, OUT1, RTS */
	status = inb(0x3fe) & 0xf0;
	outb(0x3fc, 0x0b);
	EXPECT(status == 0xd0, "loopback turns modem controls into status (%02x)", status);
}

/* INS and OUTS move memory, RSI or RDI and, repeated, RCX, in either direction. */
static void check_string_io(void)
{
	static const u8 out[3] = {0x11, 0x22, 0x5a};
	u8 in[6] = {0};
	const u8 *from = out;
	u8 *to = in;
	u64 n = sizeof(out);

	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"((u16)0x3ff) : "memory");
	EXPECT(!n && from == out + sizeof(out) && inb(0x3ff) == 0x5a,
	       "REP OUTSB writes each byte and counts (%lu left, %02x)", n, inb(0x3ff));
	n = 3;
	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"((u16)0x3ff) : "memory");
	EXPECT(!n && to == in + 3 && in[0] == 0x5a && in[2] == 0x5a && !in[3],
	       "REP INSB reads each byte and counts (%lu left)", n);
	to = in + 5;
	n = 2;
	asm volatile("std; rep insb; cld" : "+D"(to), "+c"(n) : "d"((u16)0x3ff) : "memory");
	EXPECT(!n && to == in + 3 && in[5] == 0x5a && in[4] == 0x5a && !in[3],
	       "with DF set it goes down (%lu left)", n);
}

void guest_main(void)
{
	char vendor[13] = {0};
	u32 r[4];
	u64 v;

	cpuid(0, 0, r);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	print("processor %s, %u cores, tsc %lu kHz, apic %lu kHz, %s, %s\n", vendor, machine.ncpus,
	      tsc_hz / 1000, apic_hz / 1000, machine.caprock ? "hypervisor" : "bare",
	      apic_x2 ? "x2apic" : "xapic");
	EXPECT(r[0] >= 1 && r[0] < 0x100, "CPUID has a highest leaf");
	cpuid(1, 0, r);
	EXPECT(r[1] >> 24 == cpus[0].apic_id, "CPUID and MADT agree on our APIC id %u",
	       cpus[0].apic_id);
	EXPECT(r[2] >> 31, "CPUID says that a hypervisor is present");
	EXPECT(tsc_hz > 10000000 && apic_hz > 1000000, "frequencies are known");
	EXPECT(!rdmsr_safe(0xc0000080, &v) && (v & 0xd00) == 0xd00, "EFER says long mode (%#lx)",
	       v);
	EXPECT(!rdmsr_safe(APIC_BASE_MSR, &v) && (v & 0x900) == 0x900,
	       "APIC_BASE says enabled, boot core (%#lx)", v);
	EXPECT(rdmsr_safe(0x12345, &v) == TRAPPED(TRAP_GP, 0) || !machine.caprock,
	       "a register that does not exist raises #GP");
	check_memory();
	check_pci();
	check_uart();
	check_string_io();
	if (machine.pm_timer) {
		u32 a = inl((u16)machine.pm_timer), b;

		delay_us(1000);
		b = (inl((u16)machine.pm_timer) - a) & 0xffffff;
		EXPECT(b > 1800 && b < 3579545 / 4, "the PM timer counts with the TSC (%u in 1 ms)",
		       b);
	}
	EXPECT(inl(0x2f70) == ~0u, "a port that nobody has reads all ones");
	EXPECT(!trap_unexpected, "no interrupt came unasked");
}
