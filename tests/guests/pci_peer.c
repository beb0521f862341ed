/*
 * A workstation with two devices: does edu's DMA reach the memory of the display beside it? `peers`: it
 * shall, by the display's BAR wherever the guest puts that; else by none of them.
 */
#include "lib/edu.h"

const char guest_name[] = "pci_peer";

#define DISPLAY_IDS 0x11111234 /* bochs-display: BAR 0 is its picture */
#define AWAY	    MIB(64)

static u64 pattern = 0x9ee2000000000000ull;
static struct edu edu;

static volatile u64 *at(u64 address)
{
	return (volatile u64 *)address;
}

/* By the engine to `address`, and whether it shows at `seen` for the processor. */
static bool arrives(u64 address, u64 seen)
{
	pattern++;
	edu_load(&edu, &pattern, 8);
	*at(seen) = 0;
	edu_dma(&edu, EDU_BUFFER, address, 8, EDU_TO_RAM);
	return *at(seen) == pattern;
}

static bool comes_back(u64 address)
{
	u64 nothing = 0;

	edu_load(&edu, &nothing, 8);
	*at(address) = ++pattern;
	edu_dma(&edu, address, EDU_BUFFER, 8, 0);
	*at(MIB(9)) = 0;
	edu_dma(&edu, EDU_BUFFER, MIB(9), 8, EDU_TO_RAM);
	return *at(MIB(9)) == pattern;
}

void guest_main(void)
{
	bool peers = option("peers");
	struct pci_place display;
	u64 first, next;

	edu_open(&edu);
	if (!pci_find(DISPLAY_IDS, &display))
		fatal("there is no display");
	pci_enable(display);
	first = pci_bar(display, 0);
	next = first + AWAY;
	EXPECT(arrives(MIB(9), MIB(9)), "edu reaches our memory");
	EXPECT(arrives(first, first) == peers, "edu %s the display",
	       peers ? "writes to" : "does not write to");
	EXPECT(comes_back(first) == peers, "edu %s the display",
	       peers ? "reads from" : "does not read from");
	pci_write(display, 0x10, (u32)next);
	EXPECT(pci_bar(display, 0) == next, "the display's BAR goes elsewhere");
	*at(next) = pattern;
	EXPECT(*at(next) == pattern, "the display's memory is there for us");
	EXPECT(arrives(next, next) == peers, "and for edu %s", peers ? "too" : "it is not");
	EXPECT(!arrives(first, next), "where it was nothing is left for edu");
	EXPECT(arrives(MIB(9), MIB(9)), "edu still reaches our memory");
}
