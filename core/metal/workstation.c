/*
 * The life of a workstation: empty > starting (scrub, load) > running > stopping > starting again,
 * off or failed. The host core drives it in slices, so that one workstation's scrubbing does not
 * keep the others' consoles waiting.
 */
#include "core/abi.h"
#include "core/base/abi_name.h"
#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/build.h"
#include "core/metal/console.h"
#include "core/metal/devices.h"
#include "core/metal/host.h"
#include "core/metal/memory.h"
#include "core/metal/run.h"
#include "core/metal/time.h"
#include "core/metal/workstation.h"
#include "core/port.h"

#define SCRUB_SLICE MIB(32)

struct slot {
	const struct plan_workstation *plan;
	struct workstation *ws; /* in its grant; NULL: not made */
	enum workstation_state state;
	u32 event; /* enum guest_event + 1, 0: none; set by guest cores, atomic */
	enum workstation_state after_stop; /* WS_STARTING, WS_OFF, WS_FAILED */
	u32 scrub_piece;
	u64 scrub_offset;
	bool clean;   /* its memory holds nothing of anybody */
	bool stuck;   /* a device may still reach its memory */
	bool leaving; /* the next plan does not have it */
	u64 kick_ns;  /* when its cores were asked to leave */
};

static struct slot *slots;
static u32 nslots;
static struct bundle the_bundle;
static struct counters *page;
static struct workstation_costs costs;
static u64 entered_tsc;

/* ---- counters -------------------------------------------------------------------------------- */

static struct counters_workstation *ws_counters(u32 i)
{
	return (void *)((char *)page + page->ws_offset + i * page->ws_stride);
}

static struct counters_cpu *cpu_counters(u32 i)
{
	return (void *)((char *)page + page->cpu_offset + i * page->cpu_stride);
}

static void set_state(u32 i, enum workstation_state s)
{
	slots[i].state = s;
	ws_counters(i)->state = s;
}

int workstations_init(u32 n)
{
	u32 size = (u32)(sizeof(*page) + n * sizeof(struct counters_workstation) +
			 ncpus * sizeof(struct counters_cpu) +
			 devices_rows() * sizeof(struct counters_device));
	paddr_t pa;
	int err = pool_run(&heap, (n * sizeof(*slots) + PAGE_SIZE - 1) / PAGE_SIZE, &pa);

	if (err)
		return err;
	slots = port_va(pa);
	nslots = n;
	err = pool_run(&heap, (size + PAGE_SIZE - 1) / PAGE_SIZE, &pa);
	if (err)
		return err;
	page = port_va(pa);
	page->version = COUNTERS_VERSION;
	page->size = size;
	page->tsc_hz = tsc_hz();
	page->workstations = n;
	page->ws_offset = sizeof(*page);
	page->ws_stride = sizeof(struct counters_workstation);
	page->cpus = ncpus;
	page->cpu_offset = page->ws_offset + n * page->ws_stride;
	page->cpu_stride = sizeof(struct counters_cpu);
	page->devices = devices_rows();
	page->dev_offset = page->cpu_offset + ncpus * page->cpu_stride;
	page->dev_stride = sizeof(struct counters_device);
	for (u32 i = 0; i < ncpus; i++) {
		cpu_counters(i)->apic_id = cpus[i].apic_id;
		cpu_counters(i)->workstation = ~0u;
	}
	/* The magic goes last: a reader that sees it finds the rest in place. */
	port_wmb();
	page->magic = COUNTERS_MAGIC;
	return OK;
}

paddr_t counters_address(u32 *size)
{
	*size = page->size;
	return port_pa(page);
}

void workstations_count(void)
{
	page->now_ns = port_time_ns();
	page->hv_memory = memory_used();
	page->iommu_memory = iommu_pool.in_use;
	devices_count((void *)((char *)page + page->dev_offset));
	for (u32 i = 0; i < nslots; i++) {
		const struct workstation *w = slots[i].ws;

		if (!w)
			continue;
		ws_counters(i)->table_memory = w->grant.in_use;
		ws_counters(i)->refused = w->guest.platform.refused;
		ws_counters(i)->device_interrupts_refused = devices_refused(w);
		for (u32 c = 0; c < w->guest.ncpus; c++)
			ws_counters(i)->refused += w->guest.vcpus[c].msr.refused;
	}
}

void workstation_refused(u32 i, const char *name)
{
	fmt(ws_counters(i)->name, COUNTERS_NAME, "%s", name);
	set_state(i, WS_FAILED);
	port_log(LOG_ERROR, "%s: not started: the lines above say why", name);
}

const char *workstation_name(u32 i)
{
	return page && i < nslots ? ws_counters(i)->name : "";
}

void workstation_fault(u32 owner)
{
	if (!page)
		return;
	page->iommu_faults++;
	if (owner < nslots)
		ws_counters(owner)->iommu_faults++;
}

void workstation_device_blocked(u32 owner, const char *why)
{
	if (owner < nslots)
		port_log(LOG_WARN, "%s: lost a device: %s", workstation_name(owner), why);
}

const struct workstation_costs *workstation_costs(void)
{
	return &costs;
}

u64 workstations_entered(void)
{
	return entered_tsc;
}

/* ---- what guest cores ask for ---------------------------------------------------------------- */

static void request_event(struct guest *g, struct vcpu *v, enum guest_event e)
{
	u32 none = 0;

	__atomic_compare_exchange_n(&slots[g->index].event, &none, e + 1, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	if (v)
		run_request(v->cpu, REQUEST_LEAVE);
	host_wake();
}

static const struct guest_ops guest_ops = {.event = request_event};

/* ---- making and starting --------------------------------------------------------------------- */

static int make(u32 i)
{
	struct slot *s = &slots[i];
	struct counters_workstation *c = ws_counters(i);
	int err = workstation_build(s->plan, i, &guest_ops, &the_bundle, &s->ws);

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
		g->vcpus[n].exits = cpu_counters(core->index)->exits;
		cpu_counters(core->index)->workstation = i;
	}
	return OK;
}

/*
 * Gigabytes of zeroes should not push everybody's working set out of the shared cache. The host
 * core never holds a guest's vector state, so XMM0 is free. n is a multiple of 2 MiB.
 */
static void zero_past_caches(void *at, u64 n)
{
	asm volatile("xorps %%xmm0, %%xmm0\n"
		     "1: movntps %%xmm0, (%0); movntps %%xmm0, 16(%0)\n\t"
		     "movntps %%xmm0, 32(%0); movntps %%xmm0, 48(%0)\n\t"
		     "movntps %%xmm0, 64(%0); movntps %%xmm0, 80(%0)\n\t"
		     "movntps %%xmm0, 96(%0); movntps %%xmm0, 112(%0)\n\t"
		     "addq $128, %0; subq $128, %1; jnz 1b\n\t"
		     "sfence"
		     : "+r"(at), "+r"(n)
		     :
		     : "memory");
}

/* One slice of zeroing its memory. True: done. */
static bool scrub(struct slot *s)
{
	u64 start = rdtsc(), left = SCRUB_SLICE;

	while (left && s->scrub_piece < s->plan->nram) {
		const struct plan_ram *r = &s->plan->ram[s->scrub_piece];
		u64 n = min_u64(left, r->size - s->scrub_offset);
		paddr_t at = PADDR(r->hpa.v + s->scrub_offset);

		n = min_u64(n, PORT_GUEST_SPAN - (at.v & (PORT_GUEST_SPAN - 1)));
		zero_past_caches(port_guest(at), n);
		costs.scrub_bytes += n;
		s->scrub_offset += n;
		left -= n;
		if (s->scrub_offset == r->size) {
			s->scrub_offset = 0;
			s->scrub_piece++;
		}
	}
	window_drop();
	costs.scrub_ticks += rdtsc() - start;
	if (s->scrub_piece < s->plan->nram)
		return false;
	s->scrub_piece = 0;
	s->clean = true;
	return true;
}

/* Nothing of it is started; what its devices were given is taken back first. */
static void give_up(u32 i)
{
	struct slot *s = &slots[i];

	s->after_stop = WS_FAILED;
	set_state(i, WS_STOPPING);
}

static void start(u32 i)
{
	struct slot *s = &slots[i];
	struct counters_workstation *c = ws_counters(i);
	struct load_error why = {""};

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
	set_state(i, WS_RUNNING);
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

static void report_death(const struct guest *g)
{
	for (u32 n = 0; n < g->ncpus; n++) {
		struct vcpu *v = &g->vcpus[n];

		port_log(LOG_WARN, "%s: cpu %u rip %#lx rflags %#lx cr0 %#lx cr3 %#lx cr4 %#lx",
			 g->name, n, (unsigned long)v->rip, (unsigned long)v->rflags,
			 (unsigned long)v->ops->read(v, VIRT_CR0),
			 (unsigned long)v->ops->read(v, VIRT_CR3), (unsigned long)v->view.cr4);
		port_log(
		    LOG_WARN,
		    "%s: cpu %u rax %lx rcx %lx rdx %lx rbx %lx rsp %lx rbp %lx rsi %lx rdi %lx",
		    g->name, n, (unsigned long)v->gpr[GPR_AX], (unsigned long)v->gpr[GPR_CX],
		    (unsigned long)v->gpr[GPR_DX], (unsigned long)v->gpr[GPR_BX],
		    (unsigned long)v->gpr[GPR_SP], (unsigned long)v->gpr[GPR_BP],
		    (unsigned long)v->gpr[GPR_SI], (unsigned long)v->gpr[GPR_DI]);
		for (u32 h = 4; h; h--) {
			const struct vcpu_history *e = vcpu_past_exit(v, h);

			if (e->cause)
				port_log(LOG_WARN, "%s: cpu %u exit %u before its end: %s at %#lx",
					 g->name, n, h - 1, exit_cause_name(e->cause - 1),
					 (unsigned long)e->rip);
		}
	}
}

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
	set_state(i, WS_STOPPING);
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
		report_death(&s->ws->guest);
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
		set_state(i, WS_FAILED);
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
		if (cpu_counters(n)->workstation == i)
			cpu_counters(n)->workstation = ~0u;
	*s = (struct slot){0};
	set_state(i, WS_EMPTY);
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
			set_state(i, s->after_stop);
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

/* ---- plans ----------------------------------------------------------------------------------- */

static const struct plan_workstation *find_in(const struct plan *p, const struct slot *s)
{
	for (u32 i = 0; i < p->nworkstations; i++)
		if (plan_workstation_equal(&p->workstations[i], s->plan))
			return &p->workstations[i];
	return NULL;
}

/* Stop and unmake what the next plan does not have just so. Returns when it is gone. */
static void remove_absent(const struct plan *next)
{
	bool left;

	for (u32 i = 0; i < nslots; i++) {
		struct slot *s = &slots[i];

		if (!s->plan)
			continue;
		const struct plan_workstation *same = find_in(next, s);

		if (same) {
			s->plan = same;
			continue;
		}
		s->leaving = true;
		if (s->state == WS_RUNNING)
			request_event(&s->ws->guest, NULL, GUEST_POWER_OFF);
	}
	do {
		workstations_poll(false);
		left = false;
		for (u32 i = 0; i < nslots; i++)
			left |= slots[i].leaving && !slots[i].stuck;
	} while (left);
}

static bool present(const struct plan_workstation *w)
{
	for (u32 i = 0; i < nslots; i++)
		if (slots[i].plan == w)
			return true;
	return false;
}

static struct slot *free_slot(void)
{
	for (u32 i = 0; i < nslots; i++)
		if (!slots[i].plan)
			return &slots[i];
	return NULL;
}

int workstations_apply(const struct plan *next, const struct bundle *bundle)
{
	if (next->nworkstations > nslots)
		return ERR_NOMEM;
	remove_absent(next);
	for (u32 i = 0; i < nslots; i++)
		if (slots[i].leaving)
			return ERR_BUSY;
	the_bundle = *bundle;
	for (u32 i = 0; i < next->nworkstations; i++) {
		const struct plan_workstation *w = &next->workstations[i];

		if (present(w))
			continue;
		int err = memory_own(w->grant.base, w->grant.size);

		if (err)
			return err;
		struct slot *s = free_slot();
		u32 at = (u32)(s - slots);

		*s = (struct slot){.plan = w};
		fmt(ws_counters(at)->name, COUNTERS_NAME, "%s", w->name);
		set_state(at, w->autostart ? WS_STARTING : WS_OFF);
	}
	return OK;
}

bool workstations_starting(void)
{
	for (u32 i = 0; i < nslots; i++)
		if (slots[i].state == WS_STARTING)
			return true;
	return false;
}
