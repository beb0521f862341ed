/*
 * Keeps one core from being interrupted by whatever means a guest has (`how=`), then resets the
 * machine from another core: the hypervisor must pull the stuck one out. Each start first proves
 * that the core it got carries nothing of an earlier life.
 *
 *   loop    interrupts off, jump to itself          hlt     interrupts off, asleep
 *   clgi    CLGI first (which it does not have)     nmi     inside an NMI handler, no IRET ever
 *   shadow  endless MOV SS and STI shadows          tf      single-stepping a loop
 *   db      endless #DB: a watch on the frame that #DB itself pushes (CVE-2015-8104)
 *   ac      endless #AC: a misaligned stack in the #AC handler's own ring 3 (CVE-2015-5307)
 *   dirty   a bit stuck in ISR, a periodic timer, breakpoints and pending interrupts left behind
 */
#include "lib/guest.h"

const char guest_name[] = "stuck";

#define TIMER 0x40
#define HELD  0x75

static volatile bool about_to;
static char how[16];

static bool is(const char *word)
{
	return option_is("how", word);
}

/* ---- what a fresh core looks like ----------------------------------------------------------- */

static volatile u64 early;

static void on_early(struct frame *f)
{
	early++;
	apic_eoi();
}

static void check_clean(u64 unused)
{
	u64 dr7, dr6, in_service = 0, requested = 0;
	u32 me = this_cpu()->index;

	for (u32 i = 0; i < 8; i++) {
		in_service |= apic_read(APIC_ISR + 16 * i);
		requested |= apic_read(APIC_IRR + 16 * i);
	}
	asm volatile("movq %%dr7, %0; movq %%dr6, %1" : "=r"(dr7), "=r"(dr6));
	EXPECT(!in_service, "core %u: nothing in service at the start", me);
	EXPECT(!requested, "core %u: nothing requested", me);
	EXPECT(apic_read(APIC_TMICT) == 0 && apic_read(APIC_TMCCT) == 0, "core %u: timer stopped",
	       me);
	EXPECT((dr7 & 0xff) == 0, "core %u: no breakpoint armed (%#lx)", me, dr7);
	EXPECT((apic_read(APIC_PPR) & 0xf0) == 0, "core %u: no priority held", me);
	irq_on();
	delay_us(20000);
	EXPECT(!early, "core %u: no interrupt of an earlier life (%lu)", me, early);
	irq_off();
}

/* ---- the ways to be stuck ------------------------------------------------------------------- */

static void on_nmi_forever(struct frame *f)
{
	about_to = true;
	for (;;)
		;
}

static void on_step(struct frame *f)
{
	f->flags |= 0x100;
}

/* #DB's handler returns at once; its own frame is watched, so that it comes again for ever. */
void db_entry(void);
asm(".text\n.globl db_entry\ndb_entry:\n	iretq\n");

static void stuck_db(void)
{
	u64 top = (u64)this_cpu()->fault_stack + sizeof(this_cpu()->fault_stack);

	trap_set_raw(TRAP_DB, db_entry, 2);
	/* Two watches of 8 bytes on writes within the frame at the top of that stack. */
	asm volatile("movq %0, %%dr0; movq %1, %%dr1; movq %2, %%dr7"
		     :
		     : "r"(top - 8), "r"(top - 40), "r"(0x00990700ull | 0xa));
	about_to = true;
	*(volatile u64 *)(top - 8) = 1; /* the first one */
	for (;;)
		*(volatile u64 *)(top - 8) = 2;
}

/*
 * Down to protected mode without paging, where the handler of #AC may live in ring 3 and its frame
 * is pushed on the interrupted, misaligned stack: another #AC, before the first instruction.
 */
void to_ac(u64 ring3_stack);
asm(".text\n.globl to_ac\n"
    "to_ac:\n"
    "	cli\n"
    "	movl %edi, %esi\n"
    "	lgdt ac_gdtr\n"
    "	lidt ac_idtr\n"
    "	pushq $0x08\n	pushq $1f\n	lretq\n"
    "	.code32\n"
    "1:	movl %cr0, %eax\n	andl $0x7fffffff, %eax\n	orl $0x40000, %eax\n" /* PG off, AM on */
    "	movl %eax, %cr0\n"
    "	movl $0x10, %eax\n	movl %eax, %ds\n	movl %eax, %es\n	movl %eax, %ss\n"
    "	movl %esi, %esp\n"
    "	pushl $0x23\n	pushl %esi\n	pushl $0x40002\n	pushl $0x1b\n	pushl $2f\n"
    "	iret\n"
    "2:	movl %esi, %esp\n	pushl $0\n" /* ESP is odd: #AC */
    "	incl 1(%esi)\n"
    "	jmp 2b\n"
    "ac_handler:\n"
    "	jmp ac_handler\n"
    "	.code64\n"
    "	.data\n	.align 16\n"
    "ac_gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff\n"
    "ac_gdtr:	.word 39\n	.long ac_gdt\n	.long 0\n"
    "	.align 16\n"
    "ac_idt:	.skip 17 * 8\n"
    "	.word 0, 0x1b, 0xee00, 0\n" /* ring 3 gate; its offset is filled in by stuck_ac() */
    "ac_idtr:	.word 18 * 8 - 1\n	.long ac_idt\n	.long 0\n"
    "	.text\n");
extern u8 ac_idt[], ac_handler[];

static u8 ring3_stack[4096] __aligned(16);

static void stuck_ac(void)
{
	u64 h = (u64)ac_handler;

	*(u16 *)(ac_idt + 17 * 8) = (u16)h;
	*(u16 *)(ac_idt + 17 * 8 + 6) = (u16)(h >> 16);
	about_to = true;
	to_ac((u64)ring3_stack + 2049);
}

static void on_held(struct frame *f)
{
}

static void stuck_dirty(void)
{
	trap_set(HELD, on_held); /* no end of interrupt: the bit stays in ISR */
	irq_on();
	apic_icr(0, HELD | ICR_SELF | ICR_ASSERT);
	while (!apic_bit(APIC_ISR, HELD))
		cpu_relax();
	irq_off();
	apic_icr(0, 0x80 | ICR_SELF | ICR_ASSERT);
	apic_icr(0, 0x31 | ICR_SELF | ICR_ASSERT);
	/* With the vectors of #DF and #MC, which an emulator's APIC keeps like any other. */
	apic_timer(8, 1);
	delay_us(100);
	apic_timer(18, 1);
	delay_us(100);
	apic_write(APIC_TPR, 0x20);
	asm volatile("movq %0, %%dr0; movq %1, %%dr7" ::"r"(0x200000ull),
		     "r"(0x00010003ull | 0x400));
	apic_timer(TIMER | LVT_PERIODIC, (u32)(apic_hz / 1000));
	about_to = true;
	for (;;)
		;
}

static void stuck(u64 unused)
{
	irq_off();
	if (is("nmi")) {
		trap_set(2, on_nmi_forever);
		apic_icr(this_cpu()->apic_id, ICR_NMI | ICR_ASSERT);
	} else if (is("db")) {
		stuck_db();
	} else if (is("ac")) {
		stuck_ac();
	} else if (is("dirty")) {
		stuck_dirty();
	} else if (is("tf")) {
		trap_set(TRAP_DB, on_step);
		about_to = true;
		asm volatile("pushfq; orl $0x100, (%%rsp); popfq; 1: jmp 1b" ::: "memory");
	} else if (is("shadow")) {
		about_to = true;
		asm volatile("movl %%ss, %%eax\n"
			     "1: sti; movl %%eax, %%ss; movl %%eax, %%ss; cli; movl %%eax, %%ss\n"
			     "jmp 1b" ::
				 : "rax", "memory");
	} else if (is("hlt")) {
		about_to = true;
		for (;;)
			asm volatile("cli; hlt");
	} else if (is("clgi")) {
		SAFE_OUT(t);
		asm volatile(SAFE("clgi") : "=r"(t)::"memory");
		EXPECT(TRAPPED_VECTOR(t) == TRAP_UD, "CLGI is refused");
	}
	about_to = true;
	for (;;)
		;
}

void guest_main(void)
{
	option_text("how", how, sizeof(how));
	print("stuck begin %s\n", how);
	for (u32 v = 32; v < 255; v++)
		trap_set(v, on_early);
	check_clean(0);
	smp_start();
	for (u32 i = 1; i < machine.ncpus; i++)
		smp_run(i, check_clean, 0);
	if (!EXPECT(machine.ncpus > 1, "there is another core"))
		return;
	smp_post(machine.ncpus - 1, stuck, 0);
	EXPECT(WAIT_FOR(about_to, 5000000), "the last core is about to be stuck: %s", how);
	delay_us(option_number("ms", 200) * 1000);
	EXPECT(!trap_unexpected, "no interrupt came unasked");
}
