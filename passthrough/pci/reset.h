/*
 * Making a function quiet, and bringing it to its reset state.
 *
 * Nothing here blocks: what has to wait says until when and is called again, so that the host core
 * can do other work during the 100 ms (PCIe 5.0 §6.6.1) to 60 s (§2.3.1, configuration request retry)
 * that a device may take.
 *
 * A reset counts when the function answers with the same ids as before, and the configuration that
 * was saved is back and reads back. What fails that is tried by the next method; what fails all is
 * the caller's to park.
 */
#pragma once

#include "passthrough/pci/function.h"

#define PCI_MS		  1000000ull	   /* ns */
#define PCI_PENDING_BOUND (500 * PCI_MS)   /* for transactions to complete */
#define PCI_RESET_SETTLE  (100 * PCI_MS)   /* before the first request after a reset, §6.6.1 */
#define PCI_RESET_LINK	  (1000 * PCI_MS)  /* for a link to come up after a bus reset */
#define PCI_RESET_BOUND	  (60000 * PCI_MS) /* for a device to answer with success */
#define PCI_PM_SETTLE	  (10 * PCI_MS)	   /* between D3hot and D0, PCI PM 1.2 §5.6.1 */
#define PCI_BUS_ASSERT	  (2 * PCI_MS)	   /* Trst is 1 ms, PCI 3.0 §4.3.2 */

/* ---- quiet ---------------------------------------------------------------------------------- */

struct pci_quiesce {
	struct pci_function *f;
	u64 until; /* call again then */
	u64 deadline;
	bool pending; /* transactions never completed; only a reset ends them */
};

/*
 * Bus mastering, MSI, MSI-X and INTx off at once; then ERR_BUSY until its transactions have
 * completed (Transactions Pending, §7.5.3.5) or PCI_PENDING_BOUND has passed, which is no error: it
 * goes by itself after a reset, and q->pending says so. ERR_IO: it reads all ones.
 */
__must_check int pci_quiesce_begin(struct pci_quiesce *q, struct pci_function *f);
__must_check int pci_quiesce_poll(struct pci_quiesce *q);

/* ---- reset ---------------------------------------------------------------------------------- */

enum pci_reset_phase {
	PCI_RESET_NEXT,	   /* choose a method */
	PCI_RESET_HELD,	   /* in D3hot, or the bus' reset is asserted */
	PCI_RESET_LINKING, /* bus: the link is not up yet */
	PCI_RESET_SETTLING,
	PCI_RESET_ANSWERING, /* until configuration requests succeed */
	PCI_RESET_DONE,
};

struct pci_reset {
	struct pci_function *f;
	enum pci_reset_phase phase;
	u8 method;	/* enum reset_method, the one tried now */
	u8 untried;	/* bits */
	u64 until;	/* call again then */
	u64 deadline;	/* of the phase */
	char text[160]; /* why the last method tried did not do */
};

/*
 * Which methods it has: FLR (§7.5.3.3), AF FLR, D3hot to D0 without NoSoftReset, and, if `bus`, by
 * its bridge's secondary bus reset. `bus`: no other function is on that bus but those of its ring.
 */
void pci_reset_find(struct pci_function *f, bool bus);

/*
 * Begin with the method that worked last, else FLR, AF FLR, PM, bus in that order. The function (for
 * a bus reset its whole ring) is quiet: ERR_BUSY otherwise. ERR_UNSUPPORTED: it has no method.
 */
__must_check int pci_reset_begin(struct pci_reset *r, struct pci_function *f);

/*
 * OK: done, f->fresh. ERR_BUSY: call again at r->until. ERR_IO: every method failed, r->text says
 * how the last did; the function is not to be used.
 */
__must_check int pci_reset_poll(struct pci_reset *r);

/* "FLR", "AF FLR", "D3hot", "bus reset" */
const char *pci_reset_name(u8 method);
