/*
 * `ops=N` (default 100000) wild operations from `seed=N`: control and debug registers, model
 * registers, ports, memory nobody has, CPUID, APIC, privileged instructions. Faults are survived.
 * What would merely kill this guest (its own paging, reset ports) is left out unless `suicide`, which
 * leaves out switching it off.
 */
#include "lib/guest.h"

const char guest_name[] = "fuzz";

static u64 state, faults[32];
static u64 done[8];
static bool suicide;
static u8 scratch[4096] __aligned(4096);

static u64 rnd(u64 below)
{
	return rng_next(&state) % below;
}

/* Small numbers, single bits, masks and noise, as registers are attacked with. */
static u64 value(void)
{
	switch (rnd(6)) {
	case 0:
		return rnd(16);
	case 1:
		return 1ull << rnd(64);
	case 2:
		return ~0ull >> rnd(64);
	case 3:
		return ~(1ull << rnd(64));
	case 4:
		return rnd(1ull << 32);
	}
	return rng_next(&state);
}

static void note(u64 t)
{
	if (t)
		faults[TRAPPED_VECTOR(t) & 31]++;
}

static void fuzz_cr(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();

	switch (rnd(4)) {
	case 0:
		/* PE and PG stay; the upper half is #GP. */
		note(write_cr0_safe((cr0 & 0x80000001) | (value() & ~0x80000001ull)));
		write_cr0_safe(cr0);
		break;
	case 1:
		if (!machine.caprock) /* the bare emulator repeats refused writes for ever */
			break;
		/* PAE stays, LA57, SMEP and SMAP (we live in user pages) too. */
		note(write_cr4_safe((cr4 & 0x301020) | (value() & ~0x301020ull)));
		write_cr4_safe(cr4);
		break;
	case 2:
		note(write_cr8_safe(value()));
		write_cr8_safe(0);
		break;
	case 3: {
		u64 v = value(), out;
		SAFE_OUT(t);

		asm volatile(
		    "movq %0, %%dr0; movq %0, %%dr1; movq %0, %%dr2; movq %0, %%dr3" ::"r"(v));
		v = value();
		asm volatile(SAFE("movq %1, %%dr7") : "=&r"(t) : "r"(v) : "memory");
		note(t);
		asm volatile("movq %1, %%dr7; movq %%dr6, %0" : "=r"(out) : "r"(0x400ull));
		break;
	}
	}
}

static u32 some_msr(void)
{
	switch (rnd(8)) {
	case 0:
		return (u32)rnd(0x800);
	case 1:
		return (u32)(0x800 + rnd(0x100));
	case 2:
		return (u32)(0xc0000080 + rnd(0x90));
	case 3:
		return (u32)(0xc0010000 + rnd(0x200));
	case 4:
		return (u32)(0xc0011000 + rnd(0x100));
	case 5:
		return (u32)(0x40000000 + rnd(0x200));
	case 6:
		return (u32)(0x200 + rnd(0x100));
	}
	return (u32)rng_next(&state);
}

/*
 * The emulator serves a periodic timer tick by tick under the lock of the whole machine, and never
 * catches up with one of nanoseconds: the machine would stand still. A processor just interrupts
 * its own core more often.
 */
#define SHORTEST_PERIOD 0x40000u

static bool stops_emulator(u32 msr, u64 v)
{
	return msr == X2APIC_MSR(APIC_TMICT) && v && v < SHORTEST_PERIOD;
}

/* Writes that end this guest and nothing else. */
static bool deadly_msr(u32 msr, u64 v)
{
	switch (msr) {
	case 0xc0000101: /* GS base: the runtime's own */
	case 0xc0000080: /* EFER: tested bit by bit in ctl */
	case 0x80b:
		return true;
	case 0x830: /* ICR: see fuzz_apic */
	case 0x300:
		return true;
	case 0x832 ... 0x837: /* local vectors and the self IPI: as exceptions they end only us */
	case 0x83f:
		return (v & 0xff) < 32;
	case APIC_BASE_MSR:
		return (v & ~0xfffull) != 0xfee00000;
	}
	return false;
}

static void fuzz_msr(void)
{
	u32 msr = some_msr();
	u64 v;

	if (rnd(2)) {
		note(rdmsr_safe(msr, &v));
		return;
	}
	v = value();
	if (stops_emulator(msr, v) || (!suicide && deadly_msr(msr, v)))
		return;
	note(wrmsr_safe(msr, v));
	if (msr == APIC_BASE_MSR && !(rdmsr(APIC_BASE_MSR) & 0x800))
		apic_enable(true);
}

static bool deadly_byte(u16 port)
{
	return (port >= 0xcf8 && port <= 0xcff) || (port >= 0x3f8 && port <= 0x3ff) ||
	       port == 0x64 || port == 0x92 || (port >= 0x600 && port < 0x610) || port == 0xb2 ||
	       port == machine.reset_reg || port == machine.sleep_reg ||
	       port == machine.sleep_reg + 1 || (!machine.caprock && port >= 0xf0 && port < 0x100);
}

/* Who is off stays off: a suicide is to live again. */
static bool final_byte(u16 port)
{
	return port == 0x604 || port == 0x605 || port == machine.sleep_reg ||
	       port == machine.sleep_reg + 1;
}

/* A wide access reaches the ports above, too. */
static bool reaches(u16 port, u32 width, bool (*bad)(u16 port))
{
	bool does = false;

	for (u32 i = 0; i < width; i++)
		does |= bad((u16)(port + i));
	return does;
}

static void fuzz_port(void)
{
	static const u16 known[] = {0x20,  0x21,  0x40,	 0x43,	0x60,  0x61,  0x64,  0x70,
				    0x71,  0x80,  0x92,	 0xa0,	0xb2,  0xe9,  0xf4,  0x2f8,
				    0x3f8, 0x3fd, 0x3d4, 0x510, 0x511, 0x514, 0x600, 0x604,
				    0x608, 0xcf8, 0xcf9, 0xcfc, 0x5658};
	u16 port = rnd(2) ? known[rnd(ARRAY_SIZE(known))] : (u16)rng_next(&state);
	u64 n = rnd(16), buffer = (u64)scratch + rnd(3);
	u32 v = (u32)value();
	u32 kind = (u32)rnd(8);
	bool tame = !reaches(port,
			     kind == 3	 ? 1
			     : kind == 5 ? 4
					 : 2,
			     suicide ? final_byte : deadly_byte);

	switch (kind) {
	case 0:
		inb(port);
		break;
	case 1:
		inw(port);
		break;
	case 2:
		inl(port);
		break;
	case 3:
		if (tame)
			outb(port, (u8)v);
		break;
	case 4:
		if (tame)
			outw(port, (u16)v);
		break;
	case 5:
		if (tame)
			outl(port, v);
		break;
	case 6:
		asm volatile("rep insb" : "+D"(buffer), "+c"(n) : "d"(port) : "memory");
		break;
	case 7:
		if (tame)
			asm volatile("rep outsw" : "+S"(buffer), "+c"(n) : "d"(port) : "memory");
		break;
	}
	/* CF8/CFC: any function, any register of the (harmless) bus. */
	if (machine.caprock && !rnd(4)) {
		outl(0xcf8, (u32)value() | 0x80000000u);
		if (rnd(2))
			inl(0xcfc);
		else
			outb((u16)(0xcfc + rnd(4)), (u8)v);
	}
}

static bool is_ram(u64 a)
{
	for (u32 i = 0; i < machine.nranges; i++)
		if (machine.ranges[i].type == 1 && a + 64 > machine.ranges[i].base &&
		    a < machine.ranges[i].base + machine.ranges[i].size)
			return true;
	return a < MIB(1);
}

static u64 some_hole(void)
{
	u64 a;

	do
		switch (rnd(6)) {
		case 0:
			a = machine.ecam + rnd(MIB(256) - 64);
			break;
		case 1:
			a = 0xfec00000 + rnd(0x100);
			break;
		case 2:
			a = 0xfee00000 + rnd(0x1000);
			break;
		case 3:
			a = GIB(4) - 1 - rnd(MIB(32));
			break;
		case 4:
			a = rnd(GIB(16) - 64);
			break;
		default:
			a = 0xfed00000 + rnd(MIB(1));
		}
	while (is_ram(a));
	return a;
}

static void fuzz_mmio(void)
{
	u64 a = some_hole(), v = value(), n = rnd(8);
	SAFE_OUT(t);

	if (a >= 0xfee00000 && a < 0xfee01000 && (!suicide || (a & 0xfff) == APIC_TMICT))
		a = 0xfed00000; /* the APIC page has its own turn */
	switch (rnd(12)) {
	case 0:
		mmio_read8(a);
		return;
	case 1:
		mmio_read16(a);
		return;
	case 2:
		mmio_read32(a);
		return;
	case 3:
		asm volatile("movq (%1), %0" : "=r"(v) : "r"(a) : "memory");
		return;
	case 4:
		asm volatile("movb %b0, (%1)" ::"q"(v), "r"(a) : "memory");
		return;
	case 5:
		asm volatile("movw %w0, (%1)" ::"r"(v), "r"(a) : "memory");
		return;
	case 6:
		mmio_write32(a, (u32)v);
		return;
	case 7:
		asm volatile("movq %0, (%1)" ::"r"(v), "r"(a) : "memory");
		return;
	case 8:
		asm volatile(SAFE("orl %k1, (%2)") : "=&r"(t) : "r"(v), "r"(a) : "memory", "cc");
		break;
	case 9:
		asm volatile(SAFE("xchgl %k1, (%2)") : "=&r"(t), "+r"(v) : "r"(a) : "memory");
		break;
	case 10:
		asm volatile("rep stosl" : "+D"(a), "+c"(n) : "a"(v) : "memory");
		return;
	default:
		asm volatile(SAFE("movzwl (%1), %k2") : "=&r"(t) : "r"(a), "r"(v) : "memory");
	}
	note(t);
}

static void fuzz_cpuid(void)
{
	static const u32 bases[] = {0, 0x40000000, 0x80000000, 0xc0000000, 0x20000000};
	u32 r[4];

	cpuid((u32)(rnd(4) ? bases[rnd(ARRAY_SIZE(bases))] + rnd(64) : rng_next(&state)),
	      (u32)value(), r);
}

static void fuzz_apic(void)
{
	u32 low = (u32)value(), dest = (u32)value(), mode = low & 0x700;
	u32 reg = (u32)rnd(0x40) << 4;

	if (rnd(3)) {
		/* An INIT or start-up of ourselves, or a vector below 32, ends only us. */
		if (!suicide && (mode == ICR_INIT || mode == ICR_SIPI))
			return;
		if (!suicide && (low & 0xff) < 32 && mode <= ICR_LOWEST)
			low |= 0x20;
		note(wrmsr_safe(X2APIC_MSR(APIC_ICR), (u64)dest << 32 | low));
		return;
	}
	if (reg == APIC_ICR || (reg == APIC_LVTT && (low & 0x700)))
		return;
	u64 v = rnd(2) ? low : value();

	if (stops_emulator(X2APIC_MSR(reg), v) || (!suicide && deadly_msr(X2APIC_MSR(reg), v)))
		return;
	note(wrmsr_safe(X2APIC_MSR(reg), v));
}

#define TRY(insn)                                                                              \
	{                                                                                      \
		SAFE_OUT(t_);                                                                  \
		asm volatile(SAFE(insn) : "=r"(t_) : "a"(a), "c"(c), "d"(d) : "memory", "cc"); \
		note(t_);                                                                      \
	}

static void fuzz_instruction(void)
{
	u64 a = value(), c = value(), d = value();

	switch (rnd(18)) {
	case 0:
		TRY("vmrun");
		break;
	case 1:
		TRY("vmload");
		break;
	case 2:
		TRY("vmsave");
		break;
	case 3:
		TRY("clgi");
		break;
	case 4:
		TRY("stgi");
		break;
	case 5:
		TRY("vmmcall");
		break;
	case 6:
		TRY("invlpga");
		break;
	case 7:
		TRY("skinit");
		break;
	case 8:
		TRY("invd");
		break;
	case 9:
		TRY("wbinvd");
		break;
	case 10:
		TRY("xsetbv");
		break;
	case 11:
		TRY("rdpmc; xorl %%eax, %%eax; xorl %%edx, %%edx");
		break;
	case 12:
		TRY("rsm");
		break;
	case 13:
		TRY(".byte 0x0f, 0x01, 0xc1");
		break;
	case 14:
		TRY("int3");
		break;
	case 15:
		TRY(".byte 0xf1");
		break;
	case 16:
		TRY("ud2");
		break;
	case 17:
		TRY("getsec");
		break;
	}
}

/* Debug traps of our own making: off, and on. */
static void on_debug(struct frame *f)
{
	asm volatile("movq %0, %%dr7" ::"r"(0x400ull));
	f->flags = (f->flags & ~0x100ull) | 0x10000; /* TF off, RF on */
	faults[1]++;
}

static void on_quiet(struct frame *f)
{
	faults[f->vector & 31]++;
}

void guest_main(void)
{
	static void (*const kinds[])(void) = {fuzz_cr,	  fuzz_msr,  fuzz_port,	      fuzz_mmio,
					      fuzz_cpuid, fuzz_apic, fuzz_instruction};
	u64 ops = option_number("ops", 100000), seed = option_number("seed", 1), total = 0;

	suicide = option("suicide");
	state = (suicide ? rdtsc() : seed) * 0x9e3779b97f4a7c15ull | 1;
	trap_set(TRAP_DB, on_debug);
	trap_set(3, on_quiet);
	trap_set(2, on_quiet);
	trap_set(TRAP_MC, on_quiet);
	smp_start();
	irq_off();
	print("fuzz begin seed %lu ops %lu\n", seed, ops);
	for (u64 i = 0; i < ops; i++) {
		u32 k = (u32)rnd(ARRAY_SIZE(kinds));

		if (option("trace"))
			print("op %lu kind %u state %#lx\n", i, k, state);
		kinds[k]();
		done[k]++;
		if (i % 20000 == 19999)
			print("fuzz at %lu\n", i + 1);
	}
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++)
		total += done[k];
	print(
	    "fuzz done: cr %lu msr %lu port %lu mmio %lu cpuid %lu apic %lu instruction %lu; #UD %lu "
	    "#GP %lu #DB %lu\n",
	    done[0], done[1], done[2], done[3], done[4], done[5], done[6], faults[TRAP_UD],
	    faults[TRAP_GP], faults[TRAP_DB]);
	EXPECT(total == ops, "%lu operations done", total);
	EXPECT(faults[TRAP_UD] && faults[TRAP_GP], "some were refused with #UD and #GP");
}
