/* The list of attempts. */
#include "attack.h"
#include "core/base/fmt.h"
#include "iommu/quarantine.h"

const char guest_name[] = "attack";

struct iommu_message own_message;

static struct iommu_message others_message;
static u16 own_entry, spare_entry, others_entry;

static void must(int err, const char *what)
{
	if (err)
		fatal("%s: %s", what, err_text(err));
}

/* ---- rights that come and go -------------------------------------------------------------------- */

static void detach(struct engine *e)
{
	must(iommu_detach(e->dev, false), "detach");
}

static void attach(struct engine *e)
{
	must(iommu_attach(&domain_a, e->dev), "attach");
	e->revive();
}

/* The device has used the page before it goes: its translation is in every cache there is. */
static void map_moving(u64 hpa)
{
	must(iommu_map(&domain_a, IOVA(IOVA_MOVE), PADDR(hpa), PAGE_SIZE, PT_RW), "map");
}

static void unmap_moving(struct engine *e)
{
	must(iommu_unmap(&domain_a, IOVA(IOVA_MOVE), PAGE_SIZE), "unmap");
}

static void use(struct engine *e, u64 address)
{
	e->write(address);
	e->read(address);
}

static void use_then_unmap(struct engine *e)
{
	map_moving(NOBODYS);
	use(e, IOVA_MOVE);
	unmap_moving(e);
}

static void use_then_remap(struct engine *e)
{
	use_then_unmap(e);
	map_moving(MEMORY_A + MIB(14));
	use(e, IOVA_MOVE);
}

static void use_then_protect(struct engine *e)
{
	map_moving(NOBODYS);
	use(e, IOVA_MOVE);
	must(iommu_protect(&domain_a, IOVA(IOVA_MOVE), PAGE_SIZE, PT_R), "protect");
}

#define HOLE MIB(5)

static void punch_huge(struct engine *e)
{
	use(e, IOVA_HUGE + HOLE);
	must(iommu_unmap(&domain_a, IOVA(IOVA_HUGE + HOLE), PAGE_SIZE), "punch");
	/* around the hole everything works */
	*(volatile u64 *)(HUGE_A + HOLE - PAGE_SIZE) = 0;
	e->write(IOVA_HUGE + HOLE - PAGE_SIZE);
	EXPECT(*(volatile u64 *)(HUGE_A + HOLE - PAGE_SIZE), "the page before the hole is reached");
}

static void mend_huge(struct engine *e)
{
	must(iommu_map(&domain_a, IOVA(IOVA_HUGE + HOLE), PADDR(HUGE_A + HOLE), PAGE_SIZE, PT_RW),
	     "mend");
}

static void silence(struct engine *e)
{
	must(iommu_detach(e->dev, true), "silence");
}

/* It works for B for a while: A's memory is then as far away as B's was. */
static void change_sides(struct engine *e)
{
	use(e, IOVA_SMALL);
	detach(e);
	must(iommu_attach(&domain_b, e->dev), "attach to B");
}

static void come_back(struct engine *e)
{
	detach(e);
	attach(e);
}

/* ---- the attempts on memory ---------------------------------------------------------------------- */

#define ATTEMPT(...)                  \
	{                             \
		e, __VA_ARGS__, false \
	}
#define QUIET(...)                   \
	{                            \
		e, __VA_ARGS__, true \
	}

/* Only an engine that is told its address by registers can ask for it there: queues stay behind. */
static void attack_former_owner(void)
{
	const struct attempt a = {.engine = &edu_a,
				  .what = "memory of its former owner",
				  .address = IOVA_SMALL,
				  .at = MEMORY_A + MIB(1) + PAGE_SIZE,
				  .before = change_sides,
				  .after = come_back};

	try_write(&a);
	try_read(&a);
}

static void attack_memory(struct engine *e)
{
	const struct attempt list[] = {
	    ATTEMPT("memory of another workstation", MEMORY_B, MEMORY_B, NULL, NULL),
	    ATTEMPT("memory of the hypervisor", HV_POOL + HV_POOL_MAX - PAGE_SIZE,
		    HV_POOL + HV_POOL_MAX - PAGE_SIZE, NULL, NULL),
	    ATTEMPT("the workstation's own page tables", GRANT_A + GRANT_SIZE - PAGE_SIZE,
		    GRANT_A + GRANT_SIZE - PAGE_SIZE, NULL, NULL),
	    ATTEMPT("memory of nobody", NOBODYS, NOBODYS, NULL, NULL),
	    ATTEMPT("an address without memory", GIB(13), NOBODYS, NULL, NULL),
	    ATTEMPT("the page after its memory", MEMORY_SIZE, MEMORY_A + MEMORY_SIZE, NULL, NULL),
	    ATTEMPT("the page after its memory in small leaves", IOVA_SMALL + MIB(1),
		    MEMORY_A + MIB(2) + PAGE_SIZE, NULL, NULL),
	    ATTEMPT("an address beyond the tables", 1ull << 52 | MEMORY_B, MEMORY_B, NULL, NULL),
	    ATTEMPT("a range the firmware reserved for another's device", RESERVED, RESERVED, NULL,
		    NULL),
	    ATTEMPT("a page unmapped a moment ago", IOVA_MOVE, NOBODYS, use_then_unmap, NULL),
	    QUIET("the old page of an address mapped elsewhere since", IOVA_MOVE, NOBODYS,
		  use_then_remap, unmap_moving),
	    ATTEMPT("a page unmapped out of a 1 GiB leaf", IOVA_HUGE + HOLE, HUGE_A + HOLE,
		    punch_huge, mend_huge),
	    ATTEMPT("its own memory after it was detached", 0, MEMORY_A, detach, attach),
	    QUIET("its own memory after it was silenced", 0, MEMORY_A, silence, attach),
	};
	const struct attempt write_only[] = {
	    ATTEMPT("a read-only page", IOVA_RO, MEMORY_A + MIB(4), NULL, NULL),
	    ATTEMPT("a page made read-only a moment ago", IOVA_MOVE, NOBODYS, use_then_protect,
		    unmap_moving),
	};
	const struct attempt unreadable =
	    ATTEMPT("a write-only page", IOVA_WO, MEMORY_A + MIB(5), NULL, NULL);

	for (u32 i = 0; i < ARRAY_SIZE(list); i++) {
		try_write(&list[i]);
		try_read(&list[i]);
	}
	for (u32 i = 0; i < ARRAY_SIZE(write_only); i++)
		try_write(&write_only[i]);
	try_read(&unreadable);
}

/* ---- the attempts on interrupts ------------------------------------------------------------------ */

#define VECTOR_OF(delivery) ((u32)(delivery) << 8 | OTHERS_VECTOR)

static void clear_own(struct engine *e)
{
	must(iommu_irq_clear(e->dev, own_entry), "clear");
}

static void set_own(struct engine *e)
{
	must(iommu_irq_set(e->dev, own_entry,
			   &(struct iommu_irq){.apic_id = cpus[0].apic_id, .vector = OWN_VECTOR}),
	     "set");
}

static void free_own(struct engine *e)
{
	must(iommu_irq_free(e->dev, own_entry, 1), "free");
}

static void take_own(struct engine *e)
{
	must(iommu_irq_alloc(e->dev, 1, &own_entry), "alloc");
	set_own(e);
	must(iommu_irq_message(e->dev, own_entry, &own_message), "message");
}

static void reattach(struct engine *e)
{
	attach(e);
	take_own(e);
}

static void change_sides_with_interrupt(struct engine *e)
{
	detach(e);
	must(iommu_attach(&domain_b, e->dev), "attach to B");
}

static void come_back_with_interrupt(struct engine *e)
{
	detach(e);
	reattach(e);
}

/* Entries of A's device, one of B's, and messages for each. */
static void set_interrupts(void)
{
	u16 first;

	take_own(&edu_a);
	/* B's at an index that A has not set */
	must(iommu_irq_alloc(edu_b, 8, &first), "alloc");
	others_entry = (u16)(first + 5);
	must(
	    iommu_irq_set(edu_b, others_entry,
			  &(struct iommu_irq){.apic_id = cpus[1].apic_id, .vector = OTHERS_VECTOR}),
	    "set");
	must(iommu_irq_message(edu_b, others_entry, &others_message), "message");
}

static void attack_interrupts(bool by_dma)
{
	/* What QEMU cannot show is shown on the register models (tests/unit/test_vtd_irq.c, _amdvi_). */
	const char *compat = intel ? "the emulator does not block the compatibility format" : NULL;
	const char *no_source = by_dma ? "the emulator does not say whose DMA write it is" : NULL;
	const char *no_dma = by_dma && !intel ? no_source : NULL;
	static const char *const deliveries[] = {
	    "fixed", "lowest priority", "SMI", NULL, "NMI", "INIT", NULL, "ExtINT"};
	u64 core0 = 0xfee00000ull | cpus[0].apic_id << 12,
	    core1 = 0xfee00000ull | cpus[1].apic_id << 12;
	struct iommu_message spare;
	struct forgery f = {.by_dma = by_dma};
	char what[96];

	must(iommu_irq_alloc(edu_a.dev, 1, &spare_entry), "alloc");
	must(iommu_irq_message(edu_a.dev, spare_entry, &spare), "message");
	if (option("sabotage"))
		must(iommu_irq_set(
			 edu_a.dev, spare_entry,
			 &(struct iommu_irq){.apic_id = cpus[0].apic_id, .vector = OTHERS_VECTOR}),
		     "sabotage");
	f.unseen = no_source;
	f.what = "the message of another device's entry";
	f.address = others_message.msi_address;
	f.data = others_message.msi_data;
	try_interrupt(&f);
	f.unseen = no_dma;
	f.what = "an entry of its own that is not set";
	f.address = spare.msi_address;
	f.data = spare.msi_data;
	try_interrupt(&f);
	f.what = "an entry beyond the table";
	f.address = intel ? 0xfee00010ull | 0x7fffu << 5 : 0xfee00000ull;
	f.data = intel ? 0 : 0x7fe;
	try_interrupt(&f);

	f.address = own_message.msi_address;
	f.data = own_message.msi_data;
	f.what = "its own entry a moment after it was cleared";
	f.before = clear_own;
	f.after = set_own;
	try_interrupt(&f);
	f.what = "its own entry a moment after it was freed";
	f.before = free_own;
	f.after = take_own;
	try_interrupt(&f);
	if (!by_dma) { /* a detached device has no DMA to write with, but its MSI is still programmed */
		f.what = "its own message after it was detached";
		f.before = detach;
		f.after = reattach;
		try_interrupt(&f);
		f.what = "its own message after it went to another workstation";
		f.before = change_sides_with_interrupt;
		f.after = come_back_with_interrupt;
		try_interrupt(&f);
	}

	f.before = f.after = NULL;
	f.what = what;
	f.unseen = compat ? compat : no_dma;
	for (u32 d = 0; d < 8; d++) {
		if (!deliveries[d])
			continue;
		/* an INIT or SMI that got through would end the test: what the vehicle lets pass is not tried */
		if (f.unseen && d > 1)
			continue;
		fmt(what, sizeof(what), "an unremapped message to another's core, %s",
		    deliveries[d]);
		f.address = core1;
		f.data = VECTOR_OF(d);
		try_interrupt(&f);
		fmt(what, sizeof(what), "an unremapped message to its own core, %s", deliveries[d]);
		f.address = core0;
		f.data = VECTOR_OF(d);
		try_interrupt(&f);
	}
	fmt(what, sizeof(what), "an unremapped message to all cores");
	f.address = 0xfeeff000;
	f.data = VECTOR_OF(0);
	try_interrupt(&f);
}

/* An MSI is a write of 4 bytes: to memory, when the device says so. */
static void attack_by_message(void)
{
	static const struct {
		const char *what;
		u64 at;
	} list[] = {
	    {"memory of another workstation, as an MSI's address", MEMORY_B},
	    {"memory of the hypervisor, as an MSI's address", HV_POOL + HV_POOL_MAX - PAGE_SIZE},
	};

	for (u32 i = 0; i < ARRAY_SIZE(list); i++) {
		struct attempt a = {.engine = &edu_message,
				    .what = list[i].what,
				    .address = list[i].at,
				    .at = list[i].at};

		try_write(&a);
	}
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static volatile u32 fault_interrupts;

static void on_fault_interrupt(struct frame *f)
{
	fault_interrupts++;
	apic_eoi();
}

#define FAULT_VECTOR 0x91

/* The unit itself tells the host core, where it can. */
static void check_fault_interrupt(void)
{
	const struct attempt a = {.engine = &edu_a,
				  .what = "memory of nobody, told by interrupt",
				  .address = NOBODYS,
				  .at = NOBODYS};

	trap_set(FAULT_VECTOR, on_fault_interrupt);
	for (u32 i = 0; i < iommu.nunits; i++)
		must(iommu.ops->arm_faults(&iommu.units[i], cpus[0].apic_id, FAULT_VECTOR), "arm");
	try_write(&a);
	if (intel)
		EXPECT(fault_interrupts, "the unit's own interrupt told of the fault");
}

/* B's device keeps what firmware reserved for it and reaches nothing else. */
static void check_quarantine(void)
{
	static const struct unity_range range = {
	    .base = PADDR(RESERVED), .size = PAGE_SIZE, .read = true, .write = true};
	static struct quarantine q;
	static struct pool pool;
	volatile u64 *reserved = (volatile u64 *)RESERVED, *b = (volatile u64 *)(MEMORY_B + MIB(3));

	pool_init(&pool, PADDR(GRANT_B + GRANT_SIZE), GRANT_SIZE);
	must(iommu_detach(edu_b, false), "detach");
	must(quarantine_enter(&q, edu_b, &range, 1, &pool), "quarantine");
	*reserved = *b = 0x1234;
	edu_b_write(RESERVED);
	EXPECT(*reserved != 0x1234,
	       "a device listed as keeping its range reaches it in quarantine");
	edu_b_write(MIB(3));
	EXPECT(*b == 0x1234, "and nothing else");
	must(quarantine_leave(&q), "leave");
	must(iommu_attach(&domain_b, edu_b), "attach");
	EXPECT(edu_b_works(), "it works for its workstation again");
}

static void check_leaves(u64 iova, u64 hpa, const char *what)
{
	volatile u64 *at = (volatile u64 *)hpa;
	u64 first = edu_a.prepare(0xabcd000000000000ull + iova);

	*at = 0;
	edu_a.write(iova);
	EXPECT(*at == first, "DMA through %s reaches its memory", what);
}

void guest_main(void)
{
	const struct attempt unattached = {.engine = &edu_a,
					   .what = "any memory before it was ever attached",
					   .at = MEMORY_A,
					   .after = attach};

	if (machine.ncpus < 2)
		fatal("two cores are needed: one is the other workstation's");
	smp_start();
	interrupts_start();
	survey();
	edu_start();
	try_unattached(&unattached);
	nvme_start();
	check_leaves(IOVA_A, MEMORY_A, "2 MiB leaves");
	check_leaves(IOVA_SMALL, MEMORY_A + MIB(1) + PAGE_SIZE, "4 KiB leaves");
	check_leaves(IOVA_HUGE + MIB(777), HUGE_A + MIB(777), "a 1 GiB leaf");
	EXPECT(edu_b_works(), "the other workstation's device reaches its memory");

	attack_memory(&edu_a);
	attack_memory(&nvme_a);
	attack_former_owner();
	attack_by_message();
	set_interrupts();
	attack_interrupts(false);
	attack_interrupts(true);
	check_quarantine();
	EXPECT(edu_b_works(), "the other workstation never noticed");
	check_fault_interrupt();
	tell_totals();
}
