/* One attempt: a control that must work, the attempt that must not, and what the units say of it. */
#include "attack.h"
#include "core/base/fmt.h"

#define OWN_PAGE   (MIB(8))  /* of A's memory: where controls write and read */
#define SHOWN_PAGE (MIB(12)) /* where the engine shows what it has read */

static u32 attempts, controls, successes, faults_wanted, faults_seen;
static u64 fresh = 0x5eed000000000000ull;

/* ---- faults ------------------------------------------------------------------------------------- */

static char fault_line[FAULT_TEXT];

static const char *owner_name(void *ctx, u32 owner)
{
	return owner == 0 ? "A" : owner == 1 ? "B" : owner == IOMMU_NO_OWNER ? "" : "hypervisor";
}

static void on_fault(void *ctx, struct iommu_device *dev, const struct iommu_fault *f)
{
	if (!fault_line[0])
		iommu_fault_text(f, iommu.ops->name, owner_name(NULL, dev->owner), fault_line,
				 sizeof(fault_line));
}

/* Take what the units logged; the first fault of a device stays in fault_line. */
static void take_faults(void)
{
	static const struct iommu_fault_handler handler = {owner_name, NULL, on_fault, NULL};

	u64 before = iommu.faults;

	fault_line[0] = 0;
	if (iommu_faults_take(&iommu, &handler, 64) < 0)
		fatal("a unit's fault log cannot be read");
	if (!fault_line[0] && iommu.faults != before)
		fmt(fault_line, sizeof(fault_line), "a fault without the device's name");
}

/* ---- judging ------------------------------------------------------------------------------------ */

static void judge(const char *engine, const char *kind, const char *what, bool control,
		  bool succeeded, bool quiet)
{
	bool seen = fault_line[0], wanted = intel && !quiet;

	attempts++;
	controls += control;
	successes += succeeded;
	faults_wanted += wanted; /* QEMU's amd-iommu never writes its event log */
	faults_seen += seen && wanted;
	print("attempt: %s | %s | %s | %s | %s | %s\n", engine, kind, what,
	      control ? "works" : "FAILS", succeeded ? "SUCCEEDED" : "blocked",
	      seen     ? fault_line
	      : wanted ? "NO FAULT"
		       : "-");
	EXPECT(control && !succeeded && (seen || !wanted), "%s: %s: %s", engine, kind, what);
}

static volatile u64 *own(u64 address)
{
	return (volatile u64 *)(MEMORY_A + address);
}

/* 512 bytes of RAM with a pattern of their own; whether they still are; whether any of it is. */
static void fill(u64 at, u64 pattern)
{
	for (u32 i = 0; i < 64; i++)
		((volatile u64 *)at)[i] = pattern ^ i;
}

static u32 count(u64 at, u64 pattern)
{
	u32 n = 0;

	for (u32 i = 0; i < 64; i++)
		n += ((volatile u64 *)at)[i] == (pattern ^ i);
	return n;
}

static bool control_write(struct engine *e)
{
	u64 first = e->prepare(++fresh);

	*own(OWN_PAGE) = ~first;
	e->write(OWN_PAGE);
	return (u32)*own(OWN_PAGE) == (u32)first;
}

void try_write(const struct attempt *a)
{
	struct engine *e = a->engine;
	bool control = control_write(e), succeeded;
	u64 pattern = ++fresh << 8;

	if (a->before)
		a->before(e);
	fill(a->at, pattern);
	take_faults();
	e->write(a->address);
	take_faults();
	succeeded = count(a->at, pattern) != 64;
	if (a->after)
		a->after(e);
	judge(e->name, "write", a->what, control, succeeded, a->quiet);
}

/* How much of the pattern the engine holds, by its own word. */
static u32 holds(struct engine *e, u64 pattern)
{
	fill(MEMORY_A + SHOWN_PAGE, 0);
	e->reveal(SHOWN_PAGE);
	return count(MEMORY_A + SHOWN_PAGE, pattern);
}

static bool control_read(struct engine *e)
{
	u64 pattern = ++fresh << 8;

	fill(MEMORY_A + OWN_PAGE, pattern);
	e->read(OWN_PAGE);
	return holds(e, pattern) == 64;
}

void try_read(const struct attempt *a)
{
	struct engine *e = a->engine;
	bool control = control_read(e), succeeded;
	u64 pattern = ++fresh << 8;

	if (a->before)
		a->before(e);
	fill(a->at, pattern);
	take_faults();
	e->read(a->address);
	take_faults();
	if (a->after)
		a->after(e);
	succeeded = holds(e, pattern);
	judge(e->name, "read", a->what, control, succeeded, a->quiet);
}

void try_unattached(const struct attempt *a)
{
	struct engine *e = a->engine;
	u64 pattern = ++fresh << 8;
	bool written, read;
	char line[FAULT_TEXT];

	fill(a->at, pattern);
	take_faults();
	e->write(a->address);
	take_faults();
	memcpy(line, fault_line, sizeof(line));
	written = count(a->at, pattern) != 64;
	e->read(a->address);
	take_faults();
	a->after(e);
	read = holds(e, pattern);
	judge(e->name, "read", a->what, control_read(e), read, false);
	memcpy(fault_line, line, sizeof(line));
	judge(e->name, "write", a->what, control_write(e), written, false);
}

/* ---- interrupts --------------------------------------------------------------------------------- */

static volatile u32 arrived[256];

static void on_interrupt(struct frame *f)
{
	__atomic_add_fetch(&arrived[f->vector], 1, __ATOMIC_RELAXED);
	if (f->vector != 2)
		apic_eoi();
}

void interrupts_start(void)
{
	trap_set(2, on_interrupt);
	for (u32 v = 32; v < SPURIOUS; v++)
		trap_set(v, on_interrupt);
	irq_on();
}

u32 interrupts_of(u32 vector)
{
	return arrived[vector];
}

u32 interrupts_but(u32 vector)
{
	u32 n = (u32)trap_unexpected;

	for (u32 v = 0; v < 256; v++)
		n += v == vector ? 0 : arrived[v];
	return n;
}

/* Does the other core still answer? An INIT would have taken it away. */
static volatile u32 pongs;

static void pong(u64 arg)
{
	pongs++;
}

static bool other_core_lives(void)
{
	u32 before = pongs;

	smp_post(1, pong, 0);
	return WAIT_FOR(pongs != before, 1000000);
}

static bool control_interrupt(const struct forgery *f)
{
	u32 before = interrupts_of(OWN_VECTOR);

	if (f->by_dma) {
		edu_write_message(own_message.msi_address, own_message.msi_data);
	} else {
		edu_set_msi(own_message.msi_address, own_message.msi_data);
		edu_interrupt();
	}
	return WAIT_FOR(interrupts_of(OWN_VECTOR) != before, 1000000);
}

void try_interrupt(const struct forgery *f)
{
	const char *kind = f->by_dma ? "DMA to the interrupt range" : "MSI";
	bool control = control_interrupt(f), succeeded;
	u32 own_before, but_before;

	if (f->before)
		f->before(&edu_a);
	take_faults();
	own_before = interrupts_of(OWN_VECTOR);
	but_before = interrupts_but(OWN_VECTOR);
	if (f->by_dma) {
		edu_write_message(f->address, f->data);
	} else {
		edu_set_msi(f->address, f->data);
		edu_interrupt();
	}
	delay_us(20000);
	take_faults();
	succeeded = interrupts_of(OWN_VECTOR) != own_before ||
		    interrupts_but(OWN_VECTOR) != but_before || !other_core_lives();
	if (f->after)
		f->after(&edu_a);
	if (f->unseen) {
		print("not shown here: edu | %s | %s | %s\n", kind, f->what, f->unseen);
		return;
	}
	judge("edu", kind, f->what, control, succeeded, false);
}

void tell_totals(void)
{
	print("attack.attempts %u\nattack.controls %u\nattack.successes %u\n", attempts, controls,
	      successes);
	if (faults_wanted)
		print("attack.faults %u of %u\n", faults_seen, faults_wanted);
	EXPECT(attempts && controls == attempts && !successes && faults_seen >= faults_wanted,
	       "%u attempts, each after a control that worked: none succeeded", attempts);
}
