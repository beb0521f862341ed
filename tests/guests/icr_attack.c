/*
 * Tries to signal cores that are not its own: every delivery mode, every shorthand, physical,
 * logical and broadcast destinations, both register formats, local vector table entries, and
 * message addresses written by the processor. Its neighbours must notice nothing; it must live.
 */
#include "lib/guest.h"

const char guest_name[] = "icr_attack";

static volatile u64 hits, nmis;
static u64 sent, refused;

static void on_any(struct frame *f)
{
	hits++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	nmis++;
}

static bool own(u32 id)
{
	for (u32 i = 0; i < machine.ncpus; i++)
		if (cpus[i].apic_id == id)
			return true;
	return false;
}

/* INIT and start-up that could hit ourselves are kept for the very end. */
static bool suicidal(u32 dest, u32 low)
{
	u32 mode = low & 0x700, shorthand = low & 0xc0000;

	if (mode != ICR_INIT && mode != ICR_SIPI)
		return false;
	if (shorthand)
		return true; /* "all but self" would restart our own other cores at any address */
	if (!apic_x2)
		dest &= 0xff; /* all that the xAPIC format holds of it */
	return (low & ICR_LOGICAL) || dest == ~0u || dest == 0xff || dest == cpus[0].apic_id;
}

static void send(u32 dest, u32 low)
{
	if (suicidal(dest, low))
		return;
	sent++;
	if (apic_icr_safe(dest, low))
		refused++;
}

static void storm(void)
{
	static const u32 far_ids[] = {0xff, 0x100, 0x1ff, 0xffff, 0x10000, 0x7fffffff, ~0u};
	static const u8 vectors[] = {0, 2, 8, 13, 15, 16, 18, 31, 32, 0x40, 0x51, 0x80, 0xef, 0xff};

	for (u32 mode = 0; mode < 8; mode++)
		for (u32 v = 0; v < ARRAY_SIZE(vectors); v++) {
			u32 low = mode << 8 | vectors[v];

			/* Vectors below 32 that would hit ourselves carry no error code: keep off. */
			bool tame = vectors[v] >= 32 || (mode != 0 && mode != 1 && mode != 7);

			for (u32 flags = 0; flags < 4; flags++) {
				u32 l = low | (flags & 1 ? ICR_ASSERT : 0) |
					(flags & 2 ? ICR_LEVEL : 0);

				for (u32 id = 0; id < 64; id++)
					if (!own(id))
						send(id, l);
				for (u32 i = 0; i < ARRAY_SIZE(far_ids) && tame; i++)
					send(far_ids[i], l);
				if (!tame)
					continue;
				for (u32 bit = 0; bit < 32; bit++)
					send(1u << bit, l | ICR_LOGICAL);
				send(~0u, l | ICR_LOGICAL);
				send(0x0001ffff, l | ICR_LOGICAL);
				send(0, l | ICR_ALL);
				send(0, l | ICR_ALL_BUT);
				send(0, l | ICR_SELF);
			}
		}
	/* Reserved bits. */
	for (u32 bit = 0; bit < 32; bit++)
		send(63, 0x40 | 1u << bit);
}

static void local_entries(void)
{
	if (!machine.caprock)
		return; /* the bare emulator has a PIC that would answer */
	for (u32 reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 0x10)
		for (u32 mode = 0; mode < 8; mode++) {
			if (reg == APIC_LVTT && mode)
				continue; /* the timer has no delivery mode */
			apic_write_safe(reg, mode << 8 | 2);
			apic_write_safe(reg, mode << 8 | LVT_MASKED | 0x40);
			sent += 2;
		}
	for (u32 reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 0x10)
		apic_write_safe(reg, LVT_MASKED);
}

/* A processor's write to the message window must not become a message. */
static void messages(void)
{
	if (!machine.caprock)
		return;
	for (u32 id = 1; id < 256; id++)
		if (!own(id)) {
			mmio_write32(0xfee00000ull | id << 12, 0x40);
			mmio_write32(0xfee00000ull | id << 12, 0x400);
			mmio_write32(0xfee0000cull | id << 12, 0x4041);
			sent += 3;
		}
}

void guest_main(void)
{
	u64 rounds = option_number("rounds", 3);

	for (u32 v = 32; v < 256; v++)
		trap_set(v, on_any);
	trap_set(2, on_nmi);
	smp_start();
	irq_on();
	print("attack begin\n");
	for (u64 i = 0; i < rounds; i++) {
		storm();
		local_entries();
		messages();
		if (machine.caprock && apic_x2) { /* and once more through the other format */
			apic_enable(false);
			storm();
			apic_enable(true);
		}
	}
	irq_off();
	EXPECT(sent > 10000, "%lu commands sent, %lu refused with #GP", sent, refused);
	EXPECT(hits, "those meant for ourselves arrived (%lu, and %lu NMIs)", hits, nmis);
	if (machine.ncpus > 1)
		EXPECT(smp_start_cpu(1), "our own other core still starts after all that");
	if (option("last")) { /* INIT for everybody, ourselves included: the tally first */
		guest_tally();
		print("attack last\n");
		apic_icr_safe(apic_x2 ? ~0u : 0xff, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
		apic_icr_safe(0, ICR_INIT | ICR_ALL | ICR_ASSERT | ICR_LEVEL);
		print("attack survived\n");
	}
}
