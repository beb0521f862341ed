/*
 * `ops=N` (default 100000) writes from `seed=N` to the configuration space of every function it has,
 * most to the registers that move mappings and interrupts, and to the MSI-X tables where they lie.
 * `go=ADDRESS` waits until somebody outside makes the word there other than zero. What the devices do
 * then is its own affair; it must go on, and so must everybody else.
 */
#include "lib/guest.h"

const char guest_name[] = "pci_fuzz";

#define MAX 16

static u64 state, writes[4];
static struct pci_place all[MAX];
static u32 ids[MAX], n;
static u64 table[MAX]; /* where each one's MSI-X table was at first, 0: out of our reach */

static u64 rnd(u64 below)
{
	return rng_next(&state) % below;
}

/* Registers as they are attacked: single bits, ones, small numbers, noise, places where memory is. */
static u32 value(void)
{
	switch (rnd(6)) {
	case 0:
		return 0;
	case 1:
		return ~0u;
	case 2:
		return 1u << rnd(32);
	case 3:
		return (u32)rnd(16);
	case 4:
		return (u32)rnd(0x10000) << 16; /* an address, memory's or a window's */
	}
	return (u32)rng_next(&state);
}

static void write_config(void)
{
	struct pci_place p = all[rnd(n)];
	u32 off, msi = pci_capability(p, 5), msix = pci_capability(p, 0x11);

	switch (rnd(6)) {
	case 0:
		off = 4;
		break;
	case 1:
	case 2:
		off = 0x10 + 4 * (u32)rnd(7);
		break;
	case 3:
		off = msix && rnd(2) ? msix : msi + 4 * (u32)rnd(5);
		break;
	case 4:
		off = 4 * (u32)rnd(64);
		break;
	default:
		off = 4 * (u32)rnd(1024);
	}
	pci_write(p, off & 0xffc, value());
	writes[0]++;
}

/* Only where a BAR may be that we reach: below lies our own memory, above the APICs. */
static u64 table_at(struct pci_place p)
{
	u32 msix = pci_capability(p, 0x11), where = msix ? pci_read(p, msix + 4) : 0;
	u64 at = msix ? pci_bar(p, where & 7) + (where & ~7u) : 0;

	return at >= GIB(1) && at < 0xfec00000 ? at : 0;
}

/*
 * Wherever the device has been moved to: through its MSI-X table, while it decodes. Where chance has
 * put it out of reach it is fetched back half the time.
 */
static void write_table(void)
{
	u32 i = (u32)rnd(n), msix = pci_capability(all[i], 0x11), bar;
	u64 at;

	if (!table[i])
		return;
	if ((!table_at(all[i]) || (pci_read(all[i], 4) & 2) == 0) && rnd(2)) {
		bar = pci_read(all[i], msix + 4);
		pci_write(all[i], 0x10 + 4 * (bar & 7), (u32)table[i] - (bar & ~7u));
		pci_write(all[i], 4, 2);
		writes[0] += 2;
	}
	at = table_at(all[i]);
	if (!at || (pci_read(all[i], 4) & 2) == 0)
		return;
	mmio_write32(at + 4 * rnd(32), value());
	writes[1]++;
}

static void read_back(void)
{
	u32 i = (u32)rnd(n);

	(void)pci_read(all[i], 4 * (u32)rnd(1024));
	writes[2]++;
}

void guest_main(void)
{
	u64 ops = option_number("ops", 100000);
	const u32 *go = (const u32 *)option_number("go", 0);

	state = option_number("seed", 1) * 0x9e3779b97f4a7c15ull | 1;
	n = pci_find_all(all, MAX);
	EXPECT(n, "it has %u functions", n);
	for (u32 i = 0; i < n; i++) {
		ids[i] = pci_read(all[i], 0);
		pci_enable(all[i]);
		table[i] = table_at(all[i]);
	}
	while (go && !__atomic_load_n(go, __ATOMIC_ACQUIRE))
		cpu_relax();
	print("pci_fuzz begin\n");
	for (u64 i = 0; n && writes[0] + writes[1] < ops; i++) {
		switch (rnd(8)) {
		case 0:
			write_table();
			break;
		case 1:
			read_back();
			break;
		default:
			write_config();
		}
		if (i % 20000 == 0)
			print("pci_fuzz at %lu\n", i);
	}
	print("pci_fuzz end\n");
	for (u32 i = 0; i < n; i++) {
		/* a reset it was talked into may be going on */
		EXPECT(WAIT_FOR(pci_read(all[i], 0) == ids[i], 5000000),
		       "function %02x.%x still has its ids", all[i].devfn >> 3, all[i].devfn & 7);
	}
	print("pci_fuzz: %lu configuration writes, %lu table writes, %lu reads\n", writes[0],
	      writes[1], writes[2]);
}
