/*
 * The life of a workstation: empty > starting (scrub, load) > running > stopping > starting again,
 * off or failed. The host core drives it in slices, so that one workstation's scrubbing does not
 * keep the others' consoles waiting.
 */
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/build.h"
#include "core/metal/counters.h"
#include "core/metal/death.h"
#include "core/metal/devices.h"
#include "core/metal/load.h"
#include "core/metal/memory.h"
#include "core/metal/run.h"
#include "core/metal/slot.h"
#include "core/port.h"

static const struct guest_ops guest_ops = {.event = slot_request};

static struct workstation_costs costs;
static u64 entered_tsc;

const struct workstation_costs *workstation_costs(void)
{
	return &costs;
}

u64 workstations_entered(void)
{
	return entered_tsc;
}

/* ---- making and starting --------------------------------------------------------------------- */

static int make(u32 i)
{
	struct slot *s = &slots[i];
	struct counters_workstation *c = counters_workstation(i);
	int err = workstation_build(s->plan, i, &guest_ops, &slots_bundle, &s->ws);

	if (err) {
		port_log(LOG_ERROR, "%s: cannot be made: %s (its grant of %lu KiB at %#lx)",
			 s->plan->name, err_text(err), (unsigned long)(s->plan->grant.size >> 10),
			 (unsigned long)s->plan->grant.base.v);
		return err;
	}
	struct guest *g = &s->ws->guest;

	fmt(c->name, sizeof(c->name), "%s", s->plan->name);
	c->cpus = g->ncpus;
	c->memory = 0;
	for (u32 r = 0; r < g->nram; r++)
		c->memory += g->ram[r].size;
	g->counters = c;
	for (u32 n = 0; n < g->ncpus; n++) {
		struct cpu *core = cpu_by_apic_id(s->plan->cpus[n]);

		g->vcpus[n].cpu = core;
		g->vcpus[n].exits = counters_cpu(core->index)->exits;
		counters_cpu(core->index)->workstation = i;
	}
	return OK;
}

/* One slice of zeroing its memory. True: done. */
static bool scrub(struct slot *s)
{
	if (!scrub_slice(&s->scrub, s->plan, &costs))
		return false;
	s->clean = true;
	return true;
}

/* Nothing of it is started; what its devices were given is taken back first. */
static void give_up(u32 i)
{
	struct slot *s = &slots[i];

	s->after_stop = WS_FAILED;
	slot_set_state(i, WS_STOPPING);
}

static void start(u32 i)
{
	struct slot *s = &slots[i];
	struct counters_workstation *c = counters_workstation(i);
	struct load_error why = {0};

	if (workstation_load(s->ws, &costs, &why)) {
		if (why.text[0])
			port_log(
			    LOG_ERROR,
			    "%s: its kernel '%s' cannot be started: %s. Put a bzImage "
			    "(protocol 2.12 or later) or an ELF file with a PVH note in its place",
			    s->plan->name, s->plan->kernel, why.text);
		window_drop();
		give_up(i);
		return;
	}
	window_drop();
	__atomic_store_n(&s->event, 0, __ATOMIC_SEQ_CST);
	c->started_ns = port_time_ns();
	c->starts++;
	slot_set_state(i, WS_RUNNING);
	port_log(LOG_INFO, "%s: started on %u cores with %lu MiB, %lu KiB of its grant in use",
		 s->plan->name, s->plan->ncpus, (unsigned long)(c->memory >> 20),
		 (unsigned long)(s->ws->grant.in_use >> 10));
	for (u32 n = s->plan->ncpus; n--;) {
		if (!n)
			entered_tsc = rdtsc();
		run_assign(s->ws->guest.vcpus[n].cpu, &s->ws->guest.vcpus[n]);
	}
}

/* A slice of starting: clean memory, everything made, the devices up, then it runs. */
static void begin_start(u32 i)
{
	struct slot *s = &slots[i];

	if (!s->ws) {
		if (!s->clean && !scrub(s))
			return;
		s->clean = false;
		if (make(i))
			give_up(i);
		return;
	}
	if (devices_up(s->ws) != ERR_BUSY)
		start(i);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void begin_stop(u32 i)
{
	struct slot *s = &slots[i];
	static const struct {
		const char *text;
		enum workstation_state next;
	} events[] = {
	    [GUEST_RESET] = {"resets itself", WS_STARTING},
	    [GUEST_TRIPLE_FAULT] = {"had a triple fault; restarted", WS_STARTING},
	    [GUEST_POWER_OFF] = {"powers off", WS_OFF},
	    [GUEST_FAILED] = {"has failed; stopped", WS_FAILED},
	};
	enum guest_event e = s->event - 1;

	port_log(e == GUEST_RESET || e == GUEST_POWER_OFF ? LOG_INFO : LOG_WARN, "%s: %s",
		 s->plan->name, events[e].text);
	s->after_stop = events[e].next;
	slot_set_state(i, WS_STOPPING);
	s->kick_ns = port_time_ns();
	for (u32 n = 0; n < s->ws->guest.ncpus; n++)
		run_request(s->ws->guest.vcpus[n].cpu, REQUEST_LEAVE);
}

static bool all_parked(const struct slot *s)
{
	for (u32 n = 0; n < s->ws->guest.ncpus; n++) {
		const struct cpu *c = s->ws->guest.vcpus[n].cpu;

		if (c && !run_parked(c))
			return false;
	}
	return true;
}

/* Its cores are out. Whatever comes next, its memory is cleared first. */
static void end_stop(u32 i)
{
	struct slot *s = &slots[i];
	enum guest_event e = s->event - 1;

	console_drain(&s->ws->console, s->plan->name, true);
	console_drain(&s->ws->console, s->plan->name, true);
	if (e == GUEST_TRIPLE_FAULT || e == GUEST_FAILED)
		death_report(&s->ws->guest);
	s->ws = NULL;
}

/* A slice of stopping. True: its memory is nobody's and clean. */
static bool stop(u32 i)
{
	struct slot *s = &slots[i];

	if (s->ws && !all_parked(s))
		return false;
	if (s->ws && s->kick_ns) {
		port_log(LOG_INFO, "%s: all cores out after %lu us", s->plan->name,
			 (unsigned long)((port_time_ns() - s->kick_ns) / 1000));
		s->kick_ns = 0;
	}
	if (s->ws && devices_down(s->ws) == ERR_BUSY)
		return false;
	if (s->ws && devices_fini(s->ws)) {
		if (!s->stuck)
			port_log(LOG_ERROR,
				 "%s: a device may still reach its memory: it stays stopped, and "
				 "its memory nobody's, until the machine is switched off",
				 s->plan->name);
		s->stuck = true;
		slot_set_state(i, WS_FAILED);
		return false;
	}
	if (s->ws)
		end_stop(i);
	return scrub(s);
}

/* Give its memory back: the hypervisor forgets the grant, which must not show what it held. */
static void unmake(u32 i)
{
	struct slot *s = &slots[i];

	memset(port_va(s->plan->grant.base), 0, s->plan->grant.size);
	memory_disown(s->plan->grant.base, s->plan->grant.size);
	for (u32 n = 0; n < ncpus; n++)
		if (counters_cpu(n)->workstation == i)
			counters_cpu(n)->workstation = ~0u;
	*s = (struct slot){0};
	slot_set_state(i, WS_EMPTY);
}

static bool step(u32 i, bool tick)
{
	struct slot *s = &slots[i];
	bool more = false;

	if (!s->plan)
		return false;
	if (s->ws)
		more = console_drain(&s->ws->console, s->plan->name, tick);
	switch (s->state) {
	case WS_RUNNING:
		more |= devices_poll(s->ws);
		if (!__atomic_load_n(&s->event, __ATOMIC_ACQUIRE))
			return more;
		begin_stop(i);
		return true;
	case WS_STOPPING:
		if (stop(i))
			slot_set_state(i, s->after_stop);
		return true;
	case WS_STARTING:
		begin_start(i);
		return true;
	default:
		if (s->leaving && !s->stuck)
			unmake(i);
		return more;
	}
}

bool workstations_poll(bool tick)
{
	bool more = false;

	for (u32 i = 0; i < nslots; i++)
		more |= step(i, tick);
	return more;
}
