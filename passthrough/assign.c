#include "passthrough/assign.h"
#include "core/base/fmt.h"

void assign_init(struct assign *a, struct pci_function *fn, struct iommu_device *dev)
{
	*a = (struct assign){.fn = fn, .dev = dev, .step = "start"};
}

/* ---- failures -------------------------------------------------------------------------------- */

#define POWER \
	"Switch the machine off and on to have it again, or replace it when that does not help"

static const struct {
	const char *why; /* NULL: the step's own words */
	const char *remedy;
} failures[ASSIGN_FAILURES] = {
    [ASSIGN_FAIL_SILENT] = {"it does not answer, or keeps its bus mastering on", POWER},
    [ASSIGN_FAIL_RESET] = {NULL, POWER},
    [ASSIGN_FAIL_UNCOVERED] = {"no IOMMU covers it", "Move it to a slot that an IOMMU covers, or "
						     "update the machine's firmware, whose "
						     "tables say which"},
    [ASSIGN_FAIL_UNIT] = {"its IOMMU is not working", "See what the boot says of that IOMMU, and "
						      "update the machine's firmware"},
    [ASSIGN_FAIL_ELSEWHERE] = {"it is attached to another workstation",
			       "Stop that workstation first"},
    [ASSIGN_FAIL_NOBODY] = {"it has no workstation", "Name it in one of the profiles"},
    [ASSIGN_FAIL_TABLES] = {NULL, "Build the site again, which plans the memory that tables need, "
				  "or give this workstation fewer devices"},
    [ASSIGN_FAIL_ENTRIES] = {"no interrupt entries are left for it",
			     "Leave another device with the same IOMMU to nobody"},
    [ASSIGN_FAIL_REGISTERS] = {"it does not take its decoding or its MSI registers", POWER},
    [ASSIGN_FAIL_PLACE] = {"its place in the guest's tree is taken",
			   "Choose another guest-slot for it in the profile, or none"},
    [ASSIGN_FAIL_MAPPED] = {"its mappings or interrupts could not be taken away", POWER},
    [ASSIGN_FAIL_DETACH] = {"the IOMMU could not block it again", POWER},
    [ASSIGN_FAIL_TOLD] = {NULL, POWER},
};

static int fail(struct assign *a, int err, enum assign_failure failure, const char *words)
{
	const struct bdf b = a->fn->bdf;

	/* for who steps it, ERR_BUSY is no failure */
	a->err = err == ERR_BUSY ? ERR_IO : err;
	a->failure = failure;
	a->wait = ASSIGN_IDLE;
	fmt(a->reason, sizeof(a->reason), "%04x:%02x:%02x.%x (%04x:%04x): %s failed: %s. %s",
	    b.segment, b.bus, b.devfn >> 3, b.devfn & 7, a->fn->id.vendor, a->fn->id.device,
	    a->step, failures[failure].why ? failures[failure].why : words,
	    failures[failure].remedy);
	port_log(LOG_ERROR, "%s", a->reason);
	return a->err;
}

/* Nobody's any more, by as many means as still work. */
static void isolate(struct assign *a)
{
	int err = OK, err2;

	pci_write(a->fn, PCI_COMMAND, 2, PCI_COMMAND_INTX_OFF);
	a->fn->quiet = a->fn->fresh = false;
	if (a->view) {
		vpci_device_gone(a->view);
		err = vpci_device_disarm(a->view);
	}
	err2 = route_close(&a->routes);
	if (!err)
		err = err2;
	if (a->dev && a->state >= ASSIGN_ATTACHED) {
		err2 = iommu_detach(a->dev, true);
		if (!err)
			err = err2;
	}
	a->state = ASSIGN_PARKED;
	if (err)
		port_log(LOG_ERROR,
			 "%04x:%02x:%02x.%x is parked and something of it is still mapped (%s)",
			 a->fn->bdf.segment, a->fn->bdf.bus, a->fn->bdf.devfn >> 3,
			 a->fn->bdf.devfn & 7, err_text(err));
}

static int park(struct assign *a, int err, enum assign_failure failure, const char *words)
{
	isolate(a);
	return fail(a, err, failure, words);
}

void assign_park(struct assign *a, const char *reason)
{
	if (a->state != ASSIGN_PARKED)
		(void)park(a, ERR_IO, ASSIGN_FAIL_TOLD, reason);
}

/* ---- what waits ------------------------------------------------------------------------------ */

static int busy(struct assign *a, enum assign_wait wait, u64 until)
{
	a->wait = wait;
	a->until = until;
	return ERR_BUSY;
}

/* Quiet: in flight is nothing any more, or nothing but what the reset ends. */
static int quiesce(struct assign *a)
{
	int err;

	if (a->fn->quiet)
		return OK;
	a->step = "quiesce";
	err = a->wait == ASSIGN_QUIESCING ? pci_quiesce_poll(&a->quiesce)
					  : pci_quiesce_begin(&a->quiesce, a->fn);
	if (err == ERR_BUSY)
		return busy(a, ASSIGN_QUIESCING, a->quiesce.until);
	a->wait = ASSIGN_IDLE;
	if (err)
		return park(a, err, ASSIGN_FAIL_SILENT, NULL);
	a->pending = a->quiesce.pending;
	return OK;
}

static int reset(struct assign *a)
{
	int err = OK;

	if (a->fn->fresh) { /* by itself, or by a neighbour's bus reset */
		a->wait = ASSIGN_IDLE;
		return OK;
	}
	a->step = "reset";
	if (a->wait != ASSIGN_RESETTING)
		err = pci_reset_begin(&a->reset, a->fn);
	if (!err)
		err = pci_reset_poll(&a->reset);
	if (err == ERR_BUSY)
		return busy(a, ASSIGN_RESETTING, a->reset.until);
	a->wait = ASSIGN_IDLE;
	if (err)
		return park(a, err, ASSIGN_FAIL_RESET, a->reset.text);
	a->resets++;
	return OK;
}

/* Quiet, then reset, in the state it is in. */
static int refresh(struct assign *a)
{
	int err;

	if (a->fn->fresh)
		return OK;
	err = a->wait == ASSIGN_RESETTING ? OK : quiesce(a);
	return err ? err : reset(a);
}

/* ---- the way up ------------------------------------------------------------------------------ */

static int up_quarantine(struct assign *a)
{
	a->step = "quarantine";
	if (!a->dev)
		return fail(a, ERR_UNSUPPORTED, ASSIGN_FAIL_UNCOVERED, NULL);
	if (a->dev->unit->state != IOMMU_UNIT_ENABLED)
		return fail(a, ERR_IO, ASSIGN_FAIL_UNIT, NULL);
	if (a->dev->state == IOMMU_DEV_ATTACHED && a->dev->domain != a->domain)
		return fail(a, ERR_BUSY, ASSIGN_FAIL_ELSEWHERE, NULL);
	return OK;
}

static int up_attach(struct assign *a)
{
	int err = refresh(a);

	if (err)
		return err;
	a->step = "attach";
	if (!a->domain || !a->view || !a->bus)
		return fail(a, ERR_INVAL, ASSIGN_FAIL_NOBODY, NULL);
	/* functions that share a requester id share the device, and the first one attached it */
	if (a->dev->state == IOMMU_DEV_ATTACHED && a->dev->domain == a->domain)
		return OK;
	err = iommu_attach(a->domain, a->dev);
	return err ? fail(a, err, ASSIGN_FAIL_TABLES, err_text(err)) : OK;
}

/*
 * By MSI-X or MSI, whichever has more, but no more than the IOMMU's table for the device holds:
 * messages beyond it are refused one by one.
 */
static u16 interrupts(const struct assign *a)
{
	u32 n = a->fn->msix_vectors;

	if (a->fn->at.msi && n < 1u << a->fn->msi_log2)
		n = 1u << a->fn->msi_log2;
	if (n > a->dev->interrupts)
		n = a->dev->interrupts;
	return (u16)(n ? n : 1);
}

static int up_arm(struct assign *a)
{
	int err, undo;

	a->step = "arm";
	err = route_open(&a->routes, a->dev, interrupts(a));
	if (err)
		return fail(a, err, ASSIGN_FAIL_ENTRIES, NULL);
	err = vpci_device_arm(a->view);
	if (!err)
		return OK;
	undo = vpci_device_disarm(a->view);
	if (!undo)
		undo = route_close(&a->routes);
	if (undo)
		return park(a, undo, ASSIGN_FAIL_MAPPED, NULL);
	return fail(a, err, ASSIGN_FAIL_REGISTERS, NULL);
}

static int up_run(struct assign *a)
{
	int err;

	a->step = "run";
	err = vpci_add(a->bus, a->devfn, &a->view->f);
	return err ? fail(a, err, ASSIGN_FAIL_PLACE, NULL) : OK;
}

/* ---- the way down ---------------------------------------------------------------------------- */

static int down_run(struct assign *a)
{
	a->step = "stop";
	vpci_remove(a->bus, a->devfn);
	return OK;
}

static int down_arm(struct assign *a)
{
	int err = vpci_device_disarm(a->view);

	a->step = "disarm";
	if (!err)
		err = route_close(&a->routes);
	return err ? park(a, err, ASSIGN_FAIL_MAPPED, NULL) : OK;
}

static int down_attach(struct assign *a)
{
	int err = iommu_detach(a->dev, false);

	a->step = "detach";
	return err ? park(a, err, ASSIGN_FAIL_DETACH, NULL) : OK;
}

static int nothing(struct assign *a)
{
	return OK;
}

/* From one state to the next one up, and from it to the next one down. */
static const struct {
	int (*up)(struct assign *a);
	int (*down)(struct assign *a);
} way[] = {
    [ASSIGN_FREE] = {quiesce, nothing},	       [ASSIGN_QUIESCED] = {refresh, nothing},
    [ASSIGN_RESET] = {up_quarantine, nothing}, [ASSIGN_QUARANTINED] = {up_attach, refresh},
    [ASSIGN_ATTACHED] = {up_arm, down_attach}, [ASSIGN_ARMED] = {up_run, down_arm},
    [ASSIGN_RUNNING] = {nothing, down_run},
};

int assign_step(struct assign *a, enum assign_state target)
{
	int err;

	if (a->state == ASSIGN_PARKED)
		return a->err;
	if (a->state == target && a->wait == ASSIGN_IDLE)
		return OK;
	if (!a->out) { /* else the words for what it failed at stay */
		a->err = OK;
		a->failure = ASSIGN_FAIL_NONE;
		a->reason[0] = 0;
	}
	if (a->state < target) {
		err = way[a->state].up(a);
		if (!err)
			a->state++;
	} else {
		err = way[a->state].down(a);
		if (!err)
			a->state--;
	}
	if (err)
		return err;
	a->until = port_time_ns();
	return a->state == target ? OK : ERR_BUSY;
}

/* ---- several --------------------------------------------------------------------------------- */

bool assign_waits(const struct assign *a)
{
	return a->wait != ASSIGN_IDLE && port_time_ns() < a->until;
}

/* A failure on the way down parks it, which is where it stays. */
static int go_down(struct assign *a, enum assign_state target)
{
	if (a->state == ASSIGN_PARKED || a->state <= target)
		return OK;
	return assign_waits(a) || assign_step(a, target) == ERR_BUSY ? ERR_BUSY : OK;
}

/* Whatever is below ATTACHED and has not been reset since somebody had it. */
static int make_quiet(struct assign *a, enum assign_state unused)
{
	if (a->state > ASSIGN_QUARANTINED || a->fn->fresh || a->fn->quiet)
		return OK;
	return assign_waits(a) || quiesce(a) == ERR_BUSY ? ERR_BUSY : OK;
}

static int go_up(struct assign *a, enum assign_state target)
{
	int err;

	/* What its workstation does not get reaches nothing of it. */
	a->out |= a->state == ASSIGN_PARKED;
	if (a->out)
		return go_down(a, ASSIGN_QUARANTINED);
	if (a->state >= target)
		return OK;
	err = assign_waits(a) ? ERR_BUSY : assign_step(a, target);
	if (!err || err == ERR_BUSY)
		return err;
	a->out = true;
	return ERR_BUSY;
}

typedef int (*step_fn)(struct assign *a, enum assign_state target);

/* ERR_BUSY while one of them is not there yet. */
static int each(struct assign **a, u32 n, step_fn step, enum assign_state target)
{
	int err = OK;

	for (u32 i = 0; i < n; i++)
		if (step(a[i], target) == ERR_BUSY)
			err = ERR_BUSY;
	return err;
}

/* Going down forgets what failed on the way up; what is parked stays so. */
static void forget(struct assign *a)
{
	if (a->out && a->state != ASSIGN_PARKED) {
		a->err = OK;
		a->failure = ASSIGN_FAIL_NONE;
		a->reason[0] = 0;
	}
	a->out = false;
}

int assign_bring(struct assign **a, u32 n, enum assign_state target)
{
	enum assign_state low = target > ASSIGN_QUARANTINED ? target : ASSIGN_QUARANTINED;
	int err;

	for (u32 i = 0; i < n && target <= ASSIGN_QUARANTINED; i++)
		forget(a[i]);
	err = each(a, n, go_down, low);
	if (!err && target != ASSIGN_QUARANTINED)
		err = each(a, n, make_quiet, target);
	if (!err)
		err = each(a, n, go_down, target);
	for (u32 t = ASSIGN_QUIESCED; t <= target && !err; t++)
		err = each(a, n, go_up, t);
	return err;
}

int assign_guest_reset(struct assign *a)
{
	int err;

	if (a->state < ASSIGN_ARMED || a->state == ASSIGN_PARKED)
		return ERR_IO;
	if (!a->by_guest)
		a->fn->quiet = a->fn->fresh = false;
	a->by_guest = true;
	err = refresh(a);
	if (err == ERR_BUSY)
		return err;
	a->by_guest = false;
	if (!err)
		vpci_device_came_back(a->view, true);
	return err;
}
