/*
 * A device's life: free > quiesced > reset > quarantined > attached > armed > running, and back in
 * reverse order. One struct assign a function, from boot to power-off, on the host core.
 *
 * Each step has a name, a time bound and, when it fails, a reason. What fails on the way up leaves
 * the device where it was. What cannot be made quiet, reset, unmapped or isolated again is parked: it
 * stays blocked in the IOMMU with bus mastering off, belongs to nobody until power-off, reads all
 * ones to a guest that had it, and nothing else stops.
 *
 *	FREE		nobody's; the hypervisor has read it (pci_function_read)
 *	QUIESCED	bus mastering and interrupts off, nothing in flight
 *	RESET		in its reset state, configuration restored and read back
 *	QUARANTINED	the IOMMU is known to block it (coming down: it is not reset yet)
 *	ATTACHED	its DMA reaches its workstation's memory, its interrupts nobody
 *	ARMED		its interrupt entries are allotted, its view is there and empty
 *	RUNNING		in the guest's tree
 *
 * Nothing here waits: assign_step() does what can be done now and says when to come again.
 */
#pragma once

#include "core/base/err.h"
#include "iommu/domain.h"
#include "passthrough/pci/reset.h"
#include "passthrough/route.h"
#include "passthrough/vpci/device.h"

enum assign_state {
	ASSIGN_FREE,
	ASSIGN_QUIESCED,
	ASSIGN_RESET,
	ASSIGN_QUARANTINED,
	ASSIGN_ATTACHED,
	ASSIGN_ARMED,
	ASSIGN_RUNNING,
	ASSIGN_PARKED,
};

/*
 * Why a step failed. Each has its words and a remedy in a table of assign.c, and an example that
 * fails and one that passes in tests/unit/test_assign.c.
 */
enum assign_failure {
	ASSIGN_FAIL_NONE,
	ASSIGN_FAIL_SILENT,    /* quiesce: no answer, or bus mastering stays on */
	ASSIGN_FAIL_RESET,     /* reset: none worked, pci_reset says how the last did not */
	ASSIGN_FAIL_UNCOVERED, /* quarantine */
	ASSIGN_FAIL_UNIT,
	ASSIGN_FAIL_ELSEWHERE,
	ASSIGN_FAIL_NOBODY, /* attach */
	ASSIGN_FAIL_TABLES,
	ASSIGN_FAIL_ENTRIES, /* arm */
	ASSIGN_FAIL_REGISTERS,
	ASSIGN_FAIL_PLACE,  /* run */
	ASSIGN_FAIL_MAPPED, /* disarm, or undoing an arm */
	ASSIGN_FAIL_DETACH, /* detach */
	ASSIGN_FAIL_TOLD,   /* assign_park() */
	ASSIGN_FAILURES,
};

/* Who takes part. Set once by the owner of the struct, but for the workstation's half. */
struct assign {
	struct pci_function *fn;
	struct iommu_device *dev; /* NULL: no IOMMU covers it; it cannot leave RESET */

	/* The workstation's, set before going above QUARANTINED, all of the same one. */
	struct iommu_domain *domain;
	struct vpci_device *view; /* initialised */
	struct vpci_bus *bus;	  /* where it goes in the guest's tree */
	u8 devfn;

	/* Ours. */
	enum assign_state state;
	enum assign_wait { ASSIGN_IDLE, ASSIGN_QUIESCING, ASSIGN_RESETTING } wait;
	u64 until;    /* call assign_step() again then */
	bool pending; /* its transactions never completed before the last reset */
	struct route_device routes;
	struct pci_quiesce quiesce;
	struct pci_reset reset;
	const char *step; /* the last one begun: "quiesce", "reset", "attach" ... never NULL */
	int err;	  /* of the last step, OK: it did not fail */
	enum assign_failure failure;
	char reason[360]; /* thing, reason and remedy in words, "" when err is OK */
	u32 resets;	  /* done so far */
	bool by_guest;	  /* in the middle of assign_guest_reset() */
	bool out;	  /* failed on the way up: goes no further until it was down */
};

/* `fn` has been read and quirks_apply() has been called; all else zero. */
void assign_init(struct assign *a, struct pci_function *fn, struct iommu_device *dev);

/*
 * Do one thing towards `target`. OK: it is there. ERR_BUSY: not yet, call again (at a->until). Any
 * other error: the step failed with a->reason. A device that was attached is reset before it goes
 * below QUARANTINED, and before it is attached again.
 */
__must_check int assign_step(struct assign *a, enum assign_state target);

/*
 * One slice of bringing n functions, those of one card or all of one workstation, to `target`
 * together: a step for each that does not wait. All are quiet before one is reset, because a bus
 * reset takes all functions of the bus, and all are reset before one is attached.
 *
 * OK: each is there, parked, or out: what failed on the way up goes back as far as QUARANTINED, so
 * that the rest go on without it, and is tried again only after all have been brought down. a->err
 * and a->reason say why. ERR_BUSY: call again.
 */
__must_check int assign_bring(struct assign **a, u32 n, enum assign_state target);

/* Is there nothing to do for it until a->until? */
bool assign_waits(const struct assign *a);

/* Park it now, with a reason: it went away, or somebody found it to lie. */
void assign_park(struct assign *a, const char *reason);

/*
 * A reset the guest asked for. pdev_ops->reset() runs on a guest's core with the view's lock held, so
 * it only tells the host core and returns ERR_BUSY; the host core calls this until it returns something
 * else. OK: the view has the device back. Errors: it is parked. ERR_BUSY: again at a->until.
 */
__must_check int assign_guest_reset(struct assign *a);
