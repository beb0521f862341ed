#include "passthrough/pci/reset.h"
#include "core/base/fmt.h"
#include "passthrough/pci/bridge.h"

static const struct {
	u8 method;
	const char *name;
} ladder[] = {
    {RESET_FLR, "FLR"},
    {RESET_AF_FLR, "AF FLR"},
    {RESET_PM, "D3hot"},
    {RESET_BUS, "bus reset"},
};

const char *pci_reset_name(u8 method)
{
	for (u32 i = 0; i < ARRAY_SIZE(ladder); i++)
		if (ladder[i].method == method)
			return ladder[i].name;
	return "no reset";
}

void pci_reset_find(struct pci_function *f, bool bus)
{
	u8 found = 0;

	if (f->at.express && pci_read(f, f->at.express + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR)
		found |= RESET_FLR;
	if (f->at.af) {
		u32 caps = pci_read(f, f->at.af + PCI_AF_CAPABILITIES, 1);

		if (caps & PCI_AF_FLR && caps & PCI_AF_TP)
			found |= RESET_AF_FLR;
	}
	/* D3hot is every function's; whether leaving it resets is this bit's to say (PM 1.2 §3.2.4) */
	if (f->at.pm && !f->is_vf &&
	    !(pci_read(f, f->at.pm + PCI_PM_CONTROL, 2) & PCI_PM_NO_SOFT_RESET))
		found |= RESET_PM;
	if (bus && f->has_bridge && !f->is_vf)
		found |= RESET_BUS;
	f->resets = f->no_reset ? 0 : found;
}

/* ---- the functions a method touches ---------------------------------------------------------- */

/* The next one of the ring that a bus reset takes too; NULL after the last. */
static struct pci_function *next(const struct pci_reset *r, struct pci_function *g)
{
	if (r->method != RESET_BUS || !g->next_on_bus || g->next_on_bus == r->f)
		return NULL;
	return g->next_on_bus;
}

static bool ring_quiet(const struct pci_function *f)
{
	for (const struct pci_function *g = f->next_on_bus; g && g != f; g = g->next_on_bus)
		if (!g->quiet)
			return false;
	return true;
}

/* ---- one method ------------------------------------------------------------------------------ */

static void set_power(const struct pci_function *f, u32 state)
{
	u16 off = f->at.pm + PCI_PM_CONTROL;
	u32 v = pci_read(f, off, 2);

	/* PME status is write one to clear: left alone */
	pci_write(f, off, 2, (v & ~(PCI_PM_STATE | PCI_PM_PME_STATUS)) | state);
}

static void bus_assert(const struct pci_function *f, bool on)
{
	u32 v = port_pci_read(f->bridge, PCI_BRIDGE_CONTROL, 2);

	v = on ? v | PCI_BRIDGE_RESET : v & ~PCI_BRIDGE_RESET;
	port_pci_write(f->bridge, PCI_BRIDGE_CONTROL, 2, v);
}

/* Before the first request after a reset. */
static u64 settle(const struct pci_reset *r, u64 least)
{
	return max_u64(least, r->f->reset_settle_ms * PCI_MS);
}

static void wait(struct pci_reset *r, enum pci_reset_phase phase, u64 ns)
{
	r->phase = phase;
	r->until = port_time_ns() + ns;
}

static void start(struct pci_reset *r)
{
	const struct pci_function *f = r->f;
	u16 off;

	switch (r->method) {
	case RESET_FLR:
		off = f->at.express + PCI_EXP_DEVCTL;
		pci_write(f, off, 2, pci_read(f, off, 2) | PCI_EXP_DEVCTL_FLR);
		wait(r, PCI_RESET_SETTLING, settle(r, PCI_RESET_SETTLE));
		return;
	case RESET_AF_FLR:
		pci_write(f, f->at.af + PCI_AF_CONTROL, 1, 1);
		wait(r, PCI_RESET_SETTLING, settle(r, PCI_RESET_SETTLE));
		return;
	case RESET_PM:
		set_power(f, PCI_PM_D3HOT);
		wait(r, PCI_RESET_HELD, PCI_PM_SETTLE);
		return;
	default:
		bus_assert(f, true);
		wait(r, PCI_RESET_HELD, PCI_BUS_ASSERT);
		return;
	}
}

static void release(struct pci_reset *r)
{
	if (r->method == RESET_PM) {
		set_power(r->f, 0);
		wait(r, PCI_RESET_SETTLING, settle(r, PCI_PM_SETTLE));
		return;
	}
	bus_assert(r->f, false);
	r->deadline = port_time_ns() + PCI_RESET_LINK;
	wait(r, PCI_RESET_LINKING, PCI_RESET_SETTLE);
}

/*
 * Where the port tells when the link is up, the 100 ms count from there (§6.6.1). Some ports never
 * say so, so this alone is not waited for.
 */
static bool link_up(const struct pci_function *f)
{
	u16 at = pci_bridge_express(f->bridge);

	/* Data Link Layer Link Active Reporting Capable, Data Link Layer Link Active */
	if (!at || !(port_pci_read(f->bridge, at + PCI_EXP_LNKCAP, 4) & 0x00100000u))
		return true;
	return port_pci_read(f->bridge, at + PCI_EXP_LNKSTA, 2) & 0x2000u;
}

/* Request retry shows as vendor id 0001h where software sees it, else as all ones (§2.3.2). */
static bool answers(const struct pci_function *f)
{
	u32 ids;

	if (f->is_vf) /* its ids always read all ones */
		return pci_read(f, PCI_COMMAND, 4) != ~0u;
	ids = pci_read(f, PCI_VENDOR, 4);
	return ids != ~0u && (ids & 0xffff) != 0x0001;
}

/* ---- verification ---------------------------------------------------------------------------- */

static void failed(struct pci_reset *r, const struct pci_function *g, const char *what, u32 value)
{
	fmt(r->text, sizeof(r->text), "after %s %04x:%02x:%02x.%x %s%0*x",
	    pci_reset_name(r->method), g->bdf.segment, g->bdf.bus, g->bdf.devfn >> 3,
	    g->bdf.devfn & 7, what, 4, value);
}

static int verify(struct pci_reset *r, struct pci_function *g)
{
	struct pci_identity now;
	u16 off;

	if (pci_identity_read(g, &now)) {
		failed(r, g, "reads all ones, command ", pci_read(g, PCI_COMMAND, 2));
		return ERR_IO;
	}
	if (!pci_identity_equal(&now, &g->id)) {
		failed(r, g, "is another device: ", (u32)now.vendor << 16 | now.device);
		return ERR_IO;
	}
	if (pci_restore(g, &g->saved, &off)) {
		failed(r, g, "does not hold its configuration, register ", off);
		return ERR_IO;
	}
	g->fresh = true;
	return OK;
}

/* ---- the ladder ------------------------------------------------------------------------------ */

static bool pick(struct pci_reset *r)
{
	if (r->untried & r->f->reset_worked) {
		r->method = r->f->reset_worked;
		return true;
	}
	for (u32 i = 0; i < ARRAY_SIZE(ladder); i++)
		if (r->untried & ladder[i].method) {
			r->method = ladder[i].method;
			return true;
		}
	return false;
}

/* Saved values of before the first attempt stay: a half-done reset must not overwrite them. */
static int save_all(struct pci_reset *r)
{
	for (struct pci_function *g = r->f; g; g = next(r, g)) {
		if (g->saved.valid)
			continue;
		if (pci_save(g, &g->saved)) {
			failed(r, g, "cannot be read before it, command ",
			       pci_read(g, PCI_COMMAND, 2));
			return ERR_IO;
		}
	}
	return OK;
}

static int try_next(struct pci_reset *r)
{
	while (pick(r)) {
		r->untried &= ~r->method;
		if (r->method == RESET_BUS && !ring_quiet(r->f)) {
			fmt(r->text, sizeof(r->text),
			    "a bus reset would take a neighbour with it that is still in use");
			continue;
		}
		if (save_all(r))
			continue;
		start(r);
		return ERR_BUSY;
	}
	r->phase = PCI_RESET_DONE;
	return ERR_IO;
}

static int finish(struct pci_reset *r)
{
	int err = OK;

	for (struct pci_function *g = r->f; g; g = next(r, g))
		if (verify(r, g) && g == r->f)
			err = ERR_IO;
	if (err) {
		r->f->reset_refused |= r->method;
		if (r->f->reset_worked == r->method)
			r->f->reset_worked = 0;
		r->phase = PCI_RESET_NEXT;
		return try_next(r);
	}
	r->f->reset_worked = r->method;
	r->phase = PCI_RESET_DONE;
	return OK;
}

int pci_reset_begin(struct pci_reset *r, struct pci_function *f)
{
	*r = (struct pci_reset){.f = f, .untried = f->resets & ~f->reset_refused};
	if (!f->quiet)
		return ERR_BUSY;
	if (!r->untried) {
		fmt(r->text, sizeof(r->text),
		    f->resets ? "every way to reset it failed before"
			      : "there is no way to reset it");
		return ERR_UNSUPPORTED;
	}
	r->until = port_time_ns();
	f->fresh = false;
	return OK;
}

int pci_reset_poll(struct pci_reset *r)
{
	u64 now = port_time_ns();

	if (now < r->until)
		return ERR_BUSY;
	switch (r->phase) {
	case PCI_RESET_NEXT:
		return try_next(r);
	case PCI_RESET_HELD:
		release(r);
		return ERR_BUSY;
	case PCI_RESET_LINKING:
		if (!link_up(r->f) && now < r->deadline) {
			r->until = now + PCI_MS;
			return ERR_BUSY;
		}
		wait(r, PCI_RESET_SETTLING, settle(r, PCI_RESET_SETTLE));
		return ERR_BUSY;
	case PCI_RESET_SETTLING:
		r->phase = PCI_RESET_ANSWERING;
		r->deadline = now + PCI_RESET_BOUND;
		__attribute__((fallthrough));
	case PCI_RESET_ANSWERING:
		if (!answers(r->f) && now < r->deadline) {
			r->until = now + PCI_MS;
			return ERR_BUSY;
		}
		return finish(r);
	case PCI_RESET_DONE:
		break;
	}
	return r->f->fresh ? OK : ERR_IO;
}
