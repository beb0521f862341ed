#include "core/base/err.h"
#include "core/metal/asm.h"
#include "core/metal/boot/boot_info.h"
#include "core/metal/cpu.h"
#include "core/metal/apic.h"
#include "core/metal/layout.h"
#include "core/metal/memory.h"
#include "core/metal/run.h"
#include "core/metal/smp.h"
#include "core/metal/time.h"
#include "core/port.h"

#define CR0_WANTED 0x80010033ull /* PG, WP, NE, ET, MP, PE */
#define CR4_PAE	   (1ull << 5)
#define CR4_MCE	   (1ull << 6)
#define CR4_PGE	   (1ull << 7)
#define CR4_OSFXSR (3ull << 9)
#define CR4_UMIP   (1ull << 11)
#define CR4_XSAVE  (1ull << 18)
#define CR4_SMEP   (1ull << 20)
#define CR4_SMAP   (1ull << 21)

#define ONLINE_LIMIT_MS 200

extern const char ap_trampoline[], ap_trampoline_end[];
extern u64 ap_boot_cr3, ap_boot_stack;
extern struct cpu *ap_boot_cpu;
void ap_main(struct cpu *c) __noreturn;

static struct tsc_meeting meeting;
static bool tsc_warped;

void cpu_setup(void)
{
	u32 r[4];
	u64 cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR;

	cpuid(1, 0, r);
	if (r[2] >> 26 & 1)
		cr4 |= CR4_XSAVE;
	cpuid(0, 0, r);
	if (r[0] >= 7) {
		cpuid(7, 0, r);
		if (r[1] >> 7 & 1)
			cr4 |= CR4_SMEP;
		if (r[1] >> 20 & 1)
			cr4 |= CR4_SMAP;
		if (r[2] >> 2 & 1)
			cr4 |= CR4_UMIP;
	}
	write_cr0(CR0_WANTED);
	write_cr4(cr4);
	if (cr4 & CR4_XSAVE)
		write_xcr0(1);
}

void ap_main(struct cpu *c)
{
	memory_load();
	cpu_load(c);
	cpu_setup();
	apic_enable();
	cpu_read_topology(c);
	if (!tsc_warp_test(&meeting))
		tsc_warped = true;
	run_core(c);
}

/* A page of RAM below 640 KiB for the trampoline; the first 4 KiB stay as firmware left them. */
static u64 low_page(const struct boot_info *b)
{
	for (u32 i = 0; i < b->nmemory; i++) {
		const struct boot_memory *m = &b->memory[i];
		u64 at = max_u64(align_up(m->base, PAGE_SIZE), 0x8000);

		if (m->kind == MEMORY_RAM && at + PAGE_SIZE <= min_u64(m->base + m->size, 0xa0000))
			return at;
	}
	return 0;
}

static bool start_one(struct cpu *c, u64 page)
{
	ap_boot_cr3 = memory_cr3();
	ap_boot_stack = STACK_BASE + (u64)c->index * STACK_SLOT + STACK_MAIN + STACK_MAIN_SIZE;
	ap_boot_cpu = c;
	meeting = (struct tsc_meeting){0};
	port_mb();

	/* MP specification B.4; processors of the last two decades need no 10 ms after INIT. */
	apic_ipi(c->apic_id, IPI_INIT, 0);
	time_delay_us(20);
	for (u32 tries = 0; tries < 2; tries++) {
		apic_ipi(c->apic_id, IPI_SIPI, (u8)(page >> 12));
		u64 limit = port_time_ns() + (tries ? ONLINE_LIMIT_MS * 1000000ull : 1000000);

		while (!__atomic_load_n(&meeting.arrived, __ATOMIC_ACQUIRE) &&
		       port_time_ns() <= limit)
			cpu_pause();
		if (meeting.arrived)
			break;
	}
	if (!meeting.arrived)
		return false;
	if (!tsc_warp_test(&meeting))
		tsc_warped = true;
	while (!__atomic_load_n(&c->online, __ATOMIC_ACQUIRE))
		cpu_pause();
	return true;
}

u32 smp_start(const struct boot_info *b)
{
	u64 page = low_page(b);
	u32 online = 1;

	cpus[0].online = 1;
	if (!page) {
		port_log(LOG_ERROR, "no free page of RAM below 640 KiB to start other cores from");
		return online;
	}
	port_copy_to(PADDR(page), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	for (u32 i = 1; i < ncpus; i++) {
		if (start_one(&cpus[i], page))
			online++;
		else
			port_log(LOG_WARN,
				 "core with APIC id %u did not start within %u ms; it stays unused",
				 cpus[i].apic_id, ONLINE_LIMIT_MS);
	}
	return online;
}

/*
 * Below an emulator or another hypervisor nobody vouches for the TSC by CPUID; there the test alone
 * decides. On a processor of our own both are needed.
 */
bool smp_tsc_reliable(void)
{
	u32 r[4];
	bool invariant = false;

	cpuid(0x80000000, 0, r);
	if (r[0] >= 0x80000007) {
		cpuid(0x80000007, 0, r);
		invariant = r[3] >> 8 & 1;
	}
	cpuid(1, 0, r);
	return !tsc_warped && (invariant || r[2] >> 31);
}
