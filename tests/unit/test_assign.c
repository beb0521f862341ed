/* passthrough: a device's life and its interrupts, on both IOMMUs' register models. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "passthrough/assign.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"
#include "tests/fake/remap.h"

#define EACH(c) for (const struct remap_config *c = remap_configs; c->name; c++)

/* A function with everything its workstation's engine has for it. */
struct slot {
	struct fake_device hw;
	struct pci_function fn;
	struct vpci_device view;
	struct vdev_vector vectors[16];
	struct assign a;
	struct route_cores cores;
	u32 apic_ids[2];
	u32 maps;
};

static struct remap r;
static struct slot gpu, audio, nic;
static struct fake_device *below[] = {&gpu.hw, &audio.hw};
static struct fake_port port;
static struct vpci_root tree[2];
static int unmap_error;

static struct slot *slot_of(struct pdev *p)
{
	return (struct slot *)((char *)vpci_device_of_pdev(p) - offsetof(struct slot, view));
}

static int op_map(struct pdev *p, const struct pdev_window *w)
{
	slot_of(p)->maps++;
	return OK;
}

static int op_unmap(struct pdev *p, const struct pdev_window *w)
{
	slot_of(p)->maps -= !unmap_error;
	return unmap_error;
}

static int op_route(struct pdev *p, u32 index, const struct pdev_guest_msi *g,
		    struct pdev_host_msi *host)
{
	struct slot *s = slot_of(p);

	return route_set(&s->a.routes, &s->cores, index, g, host);
}

static int op_unroute(struct pdev *p, u32 index)
{
	return route_clear(&slot_of(p)->a.routes, index);
}

static int op_reset(struct pdev *p)
{
	return ERR_BUSY;
}

static const struct pdev_ops ops = {
    op_map, op_unmap, op_route, op_unroute, op_reset, vpci_device_port_read, vpci_device_port_write,
};

/* Virtual cores are numbered by physical destination. */
static bool first_core(void *ctx, const struct route_message *m, u32 *vcpu)
{
	*vcpu = m->destination;
	return !m->logical;
}

static void slot_build(struct slot *s, enum remap_function f, bool flr)
{
	struct pci_verdict v;
	struct bdf at = remap_bdf(&r, f);

	memset(s, 0, sizeof(*s));
	fake_device_init(&s->hw, at, 0x10de, (u16)(0x2000 + f), 0x030000);
	fake_device_bar(&s->hw, 0, KIB(64), 0xe0000000 + MIB(1) * f, false, false);
	fake_device_pm(&s->hw, 0x40, true);
	fake_device_express(&s->hw, 0x50, PCI_EXP_TYPE_ENDPOINT, flr);
	fake_device_msi(&s->hw, 0x90, 1, true, false);
	fake_device_ready(&s->hw);
	s->hw.config[0x58 / 4] = 0x5830; /* as the firmware set it */
	s->fn = (struct pci_function){.bdf = at, .has_bridge = true, .bridge = port.bdf};
	assert_int_equal(pci_function_read(&s->fn, &v), OK);
	pci_reset_find(&s->fn, false);
	assign_init(&s->a, &s->fn, remap_device(&r, f));
}

static void slot_give(struct slot *s, u32 ws, u8 devfn)
{
	const struct vpci_device_config c = {
	    .host = &s->fn,
	    .ops = &ops,
	    .vectors = s->vectors,
	    .window = {{0xc0000000, MIB(256)}},
	};

	assert_int_equal(vpci_device_init(&s->view, &c), OK);
	vpci_device_place(&s->view, 0, 0xc0000000 + MIB(1) * devfn);
	s->a.domain = &r.domain[ws];
	s->a.view = &s->view;
	s->a.bus = &tree[ws].root_bus;
	s->a.devfn = devfn;
	for (u32 i = 0; i < 2; i++)
		s->apic_ids[i] = remap_cpu(ws, i);
	s->cores = (struct route_cores){.first = first_core, .apic_ids = s->apic_ids, .ncpus = 2};
}

/* Time passes in steps that are small beside what a reset waits, and large beside what a test does. */
static void on_relax(void *model)
{
	fake_time_pass(20 * PCI_MS);
}

static struct fake_watch watch;

static void begin(const struct remap_config *c)
{
	remap_start(&r, c);
	watch = (struct fake_watch){.relax = on_relax};
	fake_watch_add(&watch);
	unmap_error = OK;
	fake_port_init(&port, (struct bdf){0, 0, 8}, 1, below, 2);
	slot_build(&gpu, REMAP_GPU, true);
	slot_build(&audio, REMAP_AUDIO, true);
	slot_build(&nic, REMAP_NIC, true);
	for (u32 ws = 0; ws < 2; ws++)
		vpci_init(&tree[ws], 64);
	slot_give(&gpu, 0, 0x10);
	slot_give(&audio, 0, 0x11);
	slot_give(&nic, 1, 0x10);
}

static void end(void)
{
	fake_device_free(&gpu.hw);
	fake_device_free(&audio.hw);
	fake_device_free(&nic.hw);
	remap_end(&r);
}

static int bring(enum assign_state target, struct slot *s1, struct slot *s2)
{
	struct assign *all[] = {&s1->a, s2 ? &s2->a : NULL};
	u32 n = s2 ? 2 : 1;

	while (assign_bring(all, n, target) == ERR_BUSY)
		port_relax();
	for (u32 i = 0; i < n; i++)
		if (all[i]->err)
			return all[i]->err;
	return OK;
}

static void guest_write(u32 ws, u8 devfn, u16 off, u8 width, u32 v)
{
	vpci_write(&tree[ws], 0, devfn, off, width, v);
}

static void guest_msi(u32 ws, u8 devfn, u32 core, u8 vector)
{
	guest_write(ws, devfn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	guest_write(ws, devfn, 0x94, 4, 0xfee00000 | core << 12);
	guest_write(ws, devfn, 0x98, 4, 0);
	guest_write(ws, devfn, 0x9c, 2, vector);
	guest_write(ws, devfn, 0x92, 2, PCI_MSI_ENABLE);
}

/* The device sends its message 0 as it stands. */
static bool interrupt(struct slot *s, struct remap_irq *irq)
{
	u64 address;
	u32 data;

	return fake_device_interrupt(&s->hw, 0, &address, &data) &&
	       remap_msi(&r, s->hw.bdf, address, data, irq);
}

static bool dma(struct slot *s, u64 iova)
{
	u64 at;

	return remap_dma(&r, s->hw.bdf, iova, true, &at);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void up_and_down_again(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;

		begin(c);
		assert_int_equal(
		    iommu_map(&r.domain[0], IOVA(0), PADDR(REMAP_MEMORY(0)), MIB(2), PT_RW), OK);
		assert_false(dma(&gpu, 0));
		assert_int_equal(bring(ASSIGN_RUNNING, &gpu, &audio), OK);
		assert_int_equal(gpu.a.state, ASSIGN_RUNNING);
		assert_true(dma(&gpu, 0) && dma(&audio, 0));
		assert_int_equal(vpci_read(&tree[0], 0, 0x10, 0, 4),
				 (0x2000u + REMAP_GPU) << 16 | 0x10de);
		assert_false(interrupt(&gpu, &irq));
		guest_msi(0, 0x10, 1, 0x55);
		assert_true(interrupt(&gpu, &irq));
		assert_int_equal(irq.apic_id, remap_cpu(0, 1));
		assert_int_equal(irq.vector, 0x55);
		assert_int_equal(gpu.maps, 1);
		assert_int_equal(bring(ASSIGN_FREE, &gpu, &audio), OK);
		assert_int_equal(gpu.a.state, ASSIGN_FREE);
		assert_false(dma(&gpu, 0) || dma(&audio, 0));
		assert_false(interrupt(&gpu, &irq));
		assert_int_equal(gpu.maps, 0);
		/* reset before the first owner and after it */
		assert_int_equal(gpu.hw.flr, 2);
		assert_int_equal(vpci_read(&tree[0], 0, 0x10, 0, 4), ~0u);
		end();
	}
}

/* What the device sends by itself, whatever its registers hold, reaches nobody outside RUNNING. */
static void interrupts_before_arming_and_after_teardown_reach_nobody(void **state)
{
	EACH(c)
	{
		struct pdev_host_msi m;
		struct remap_irq irq;

		begin(c);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		guest_msi(1, 0x10, 0, 0x41);
		m = nic.view.msi_host;
		assert_true(remap_msi(&r, nic.hw.bdf, m.address, m.data, &irq));
		assert_int_equal(bring(ASSIGN_ATTACHED, &nic, NULL), OK);
		assert_false(remap_msi(&r, nic.hw.bdf, m.address, m.data, &irq));
		assert_int_equal(bring(ASSIGN_ARMED, &nic, NULL), OK);
		assert_false(remap_msi(&r, nic.hw.bdf, m.address, m.data, &irq));
		assert_int_equal(bring(ASSIGN_FREE, &nic, NULL), OK);
		for (u32 data = 0; data < 256; data++)
			assert_false(remap_msi(&r, nic.hw.bdf, 0xfee00000, data, &irq));
		assert_false(remap_msi(&r, nic.hw.bdf, m.address, m.data, &irq));
		end();
	}
}

static void fifty_owners_one_after_another(void **state)
{
	EACH(c)
	{
		u64 used = 0;

		begin(c);
		for (u32 i = 0; i < 50; i++) {
			u32 ws = i & 1;

			slot_give(&nic, ws, 0x18);
			assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
			guest_msi(ws, 0x18, 0, 0x41);
			assert_int_equal(bring(ASSIGN_QUARANTINED, &nic, NULL), OK);
			assert_int_equal(nic.maps, 0);
			if (i == 1)
				used = r.ws[0].in_use + r.ws[1].in_use;
			if (i > 1)
				assert_int_equal(r.ws[0].in_use + r.ws[1].in_use, used);
		}
		assert_int_equal(nic.hw.flr, 50);
		end();
	}
}

static void a_neighbours_device_is_untouched(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;

		begin(c);
		assert_int_equal(
		    iommu_map(&r.domain[1], IOVA(0), PADDR(REMAP_MEMORY(1)), MIB(2), PT_RW), OK);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		guest_msi(1, 0x10, 0, 0x41);
		gpu.hw.lies = FAKE_NO_RETURN;
		assert_int_equal(bring(ASSIGN_RUNNING, &gpu, &audio), ERR_IO);
		assert_int_equal(gpu.a.state, ASSIGN_PARKED);
		assert_non_null(strstr(gpu.a.reason, "reset failed: after FLR"));
		assert_true(dma(&nic, 0) && interrupt(&nic, &irq));
		/* parked is for good */
		assert_int_equal(bring(ASSIGN_QUIESCED, &gpu, NULL), ERR_IO);
		assert_int_equal(gpu.a.state, ASSIGN_PARKED);
		end();
	}
}

/* ---- failures -------------------------------------------------------------------------------- */

static const struct iommu_ops *whole_ops;
static struct iommu_ops broken_ops;

static int no_memory(struct iommu_device *dev, struct iommu_domain *d)
{
	return ERR_NOMEM;
}

static int no_block(struct iommu_device *dev, bool silent)
{
	return ERR_IO;
}

static void break_ops(void)
{
	struct iommu *m = nic.a.dev->unit->iommu;

	whole_ops = m->ops;
	broken_ops = *m->ops;
	m->ops = &broken_ops;
}

static void master_sticks(void)
{
	nic.hw.lies = FAKE_MASTER_STUCK;
}

static void never_returns(void)
{
	nic.hw.lies = FAKE_NO_RETURN;
}

static void other_ids(void)
{
	nic.hw.lies = FAKE_NEW_IDS;
}

static void forgets(void)
{
	nic.hw.lies = FAKE_CONFIG_LOST;
}

static void uncovered(void)
{
	nic.a.dev = NULL;
}

static void unit_off(void)
{
	nic.a.dev->unit->state = IOMMU_UNIT_FAILED;
}

static void elsewhere(void)
{
	assert_int_equal(iommu_attach(&r.domain[0], nic.a.dev), OK);
}

static void nobodys(void)
{
	nic.a.domain = NULL;
}

static void no_tables(void)
{
	break_ops();
	broken_ops.attach = no_memory;
}

static void no_entries(void)
{
	assert_int_equal(bring(ASSIGN_ATTACHED, &nic, NULL), OK);
	for (u16 n = 256; n; n /= 2)
		for (struct route_device greedy = {0}; !route_open(&greedy, nic.a.dev, n);)
			greedy = (struct route_device){0};
}

static void does_not_decode(void)
{
	nic.hw.writable[PCI_COMMAND / 4] &= ~PCI_COMMAND_MEMORY;
}

static void taken(void)
{
	nic.a.devfn = 0x10;
	nic.a.bus = &tree[0].root_bus;
	assert_int_equal(bring(ASSIGN_RUNNING, &gpu, NULL), OK);
}

static void mapped_for_ever(void)
{
	guest_msi(1, 0x10, 0, 0x41);
	unmap_error = ERR_IO;
}

static void never_blocked(void)
{
	break_ops();
	broken_ops.block = no_block;
}

static void somebody_found_out(void)
{
	assign_park(&nic.a, "its driver's firmware crashed");
}

/* Each has thing, reason and remedy, and what is the same but for the one cause passes. */
static void each_failure_has_a_reason(void **state)
{
	static const struct {
		enum assign_failure failure;
		void (*cause)(void);
		bool parked;
		const char *step, *reason, *remedy;
	} rows[] = {
	    {ASSIGN_FAIL_SILENT, master_sticks, true, "quiesce",
	     "it does not answer, or keeps its bus mastering on", "Switch the machine off"},
	    {ASSIGN_FAIL_RESET, never_returns, true, "reset", "reads all ones", "off and on"},
	    {ASSIGN_FAIL_RESET, other_ids, true, "reset", "is another device", "off and on"},
	    {ASSIGN_FAIL_RESET, forgets, true, "reset", "does not hold its configuration",
	     "off and on"},
	    {ASSIGN_FAIL_UNCOVERED, uncovered, false, "quarantine", "no IOMMU covers it",
	     "Move it to a slot"},
	    {ASSIGN_FAIL_UNIT, unit_off, false, "quarantine", "its IOMMU is not working",
	     "update the machine's firmware"},
	    {ASSIGN_FAIL_ELSEWHERE, elsewhere, false, "quarantine",
	     "it is attached to another workstation", "Stop that workstation"},
	    {ASSIGN_FAIL_NOBODY, nobodys, false, "attach", "it has no workstation", "Name it"},
	    {ASSIGN_FAIL_TABLES, no_tables, false, "attach", "memory", "Build the site again"},
	    {ASSIGN_FAIL_ENTRIES, no_entries, false, "arm", "no interrupt entries are left",
	     "Leave another device"},
	    {ASSIGN_FAIL_REGISTERS, does_not_decode, false, "arm", "does not take its decoding",
	     "off and on"},
	    {ASSIGN_FAIL_PLACE, taken, false, "run", "its place in the guest's tree is taken",
	     "Choose another guest-slot"},
	    {ASSIGN_FAIL_MAPPED, mapped_for_ever, true, "disarm", "could not be taken away",
	     "off and on"},
	    {ASSIGN_FAIL_DETACH, never_blocked, true, "detach", "could not block it again",
	     "off and on"},
	    {ASSIGN_FAIL_TOLD, somebody_found_out, true, "run", "its driver's firmware crashed",
	     "off and on"},
	};
	u32 seen = 1u << ASSIGN_FAIL_NONE;

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		bool down = rows[i].failure >= ASSIGN_FAIL_MAPPED;
		char thing[64];

		/* the same without the cause */
		begin(&remap_configs[0]);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		assert_int_equal(bring(ASSIGN_FREE, &nic, NULL), OK);
		assert_int_equal(nic.a.failure, ASSIGN_FAIL_NONE);
		assert_string_equal(nic.a.reason, "");
		end();

		begin(&remap_configs[0]);
		whole_ops = NULL;
		if (down)
			assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		rows[i].cause();
		assert_int_not_equal(bring(down ? ASSIGN_FREE : ASSIGN_RUNNING, &nic, NULL), OK);
		assert_int_equal(nic.a.failure, rows[i].failure);
		assert_int_equal(nic.a.state == ASSIGN_PARKED, rows[i].parked);
		assert_true(nic.a.state == ASSIGN_PARKED || nic.a.state <= ASSIGN_QUARANTINED);
		snprintf(thing, sizeof(thing),
			 "%04x:%02x:%02x.%x (10de:%04x): %s failed: ", nic.fn.bdf.segment,
			 nic.fn.bdf.bus, nic.fn.bdf.devfn >> 3, nic.fn.bdf.devfn & 7,
			 nic.fn.id.device, rows[i].step);
		if (strncmp(nic.a.reason, thing, strlen(thing)) ||
		    !strstr(nic.a.reason, rows[i].reason) || !strstr(nic.a.reason, rows[i].remedy))
			fail_msg("\"%s\" does not say \"%s\", \"%s\" and \"%s\"", nic.a.reason,
				 thing, rows[i].reason, rows[i].remedy);
		seen |= 1u << rows[i].failure;
		if (whole_ops)
			nic.a.dev->unit->iommu->ops = whole_ops;
		else if (rows[i].failure != ASSIGN_FAIL_ELSEWHERE)
			assert_false(dma(&nic, 0));
		unmap_error = OK;
		end();
	}
	assert_int_equal(seen, (1u << ASSIGN_FAILURES) - 1);
}

static void without_an_iommu_it_stays_below(void **state)
{
	begin(&remap_configs[0]);
	nic.a.dev = NULL;
	assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), ERR_UNSUPPORTED);
	assert_int_equal(nic.a.state, ASSIGN_RESET);
	assert_non_null(strstr(nic.a.reason, "no IOMMU covers it"));
	end();
}

/* It goes back as far as nothing of its workstation is reached; the rest go on, until all were down. */
static void a_place_that_is_taken_is_said(void **state)
{
	begin(&remap_configs[0]);
	audio.a.devfn = 0x10;
	assert_int_equal(bring(ASSIGN_RUNNING, &gpu, &audio), ERR_EXIST);
	assert_int_equal(gpu.a.state, ASSIGN_RUNNING);
	assert_int_equal(audio.a.state, ASSIGN_QUARANTINED);
	assert_true(audio.a.out);
	assert_non_null(strstr(audio.a.reason, "its place in the guest's tree is taken"));
	assert_false(dma(&audio, 0));
	audio.a.devfn = 0x11;
	assert_int_equal(bring(ASSIGN_RUNNING, &gpu, &audio), ERR_EXIST);
	assert_int_equal(bring(ASSIGN_FREE, &gpu, &audio), OK);
	assert_int_equal(bring(ASSIGN_RUNNING, &gpu, &audio), OK);
	assert_int_equal(audio.a.state, ASSIGN_RUNNING);
	assert_int_equal(bring(ASSIGN_FREE, &gpu, &audio), OK);
	end();
}

/* A device that dies in use: all ones to its guest, nothing of it left anywhere. */
static void it_may_die_while_it_runs(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;

		begin(c);
		assert_int_equal(
		    iommu_map(&r.domain[1], IOVA(0), PADDR(REMAP_MEMORY(1)), MIB(2), PT_RW), OK);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		guest_msi(1, 0x10, 0, 0x41);
		assign_park(&nic.a, "its driver's firmware crashed");
		assert_int_equal(vpci_read(&tree[1], 0, 0x10, 0, 4), ~0u);
		guest_write(1, 0x10, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		assert_int_equal(nic.maps, 0);
		assert_false(dma(&nic, 0) || interrupt(&nic, &irq));
		end();
	}
}

static void what_cannot_be_unmapped_is_parked(void **state)
{
	begin(&remap_configs[0]);
	assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
	guest_msi(1, 0x10, 0, 0x41);
	unmap_error = ERR_IO;
	assert_int_equal(bring(ASSIGN_FREE, &nic, NULL), ERR_IO);
	assert_int_equal(nic.a.state, ASSIGN_PARKED);
	assert_non_null(strstr(nic.a.reason, "disarm failed"));
	assert_false(dma(&nic, 0));
	end();
}

/* Two functions that only a bus reset resets go together, in whatever order they are named. */
static void a_ring_is_reset_together(void **state)
{
	begin(&remap_configs[0]);
	gpu.fn.next_on_bus = &audio.fn;
	audio.fn.next_on_bus = &gpu.fn;
	gpu.fn.resets = audio.fn.resets = RESET_BUS;
	assert_int_equal(bring(ASSIGN_RUNNING, &audio, &gpu), OK);
	assert_int_equal(gpu.hw.bus_resets, 1);
	assert_int_equal(bring(ASSIGN_FREE, &gpu, &audio), OK);
	assert_int_equal(gpu.hw.bus_resets, 2);
	end();
}

static void a_guests_reset_goes_on_by_the_host(void **state)
{
	struct remap_irq irq;
	int err;

	begin(&remap_configs[0]);
	assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
	guest_msi(1, 0x10, 0, 0x41);
	guest_write(1, 0x10, 0x58, 2, PCI_EXP_DEVCTL_FLR);
	assert_int_equal(vpci_read(&tree[1], 0, 0x10, 0, 4), ~0u);
	while ((err = assign_guest_reset(&nic.a)) == ERR_BUSY)
		port_relax();
	assert_int_equal(err, OK);
	assert_int_equal(nic.hw.flr, 2);
	assert_int_equal(vpci_read(&tree[1], 0, 0x10, 0, 2), 0x10de);
	assert_false(interrupt(&nic, &irq));
	guest_msi(1, 0x10, 0, 0x41);
	assert_true(interrupt(&nic, &irq));
	nic.hw.lies = FAKE_NO_RETURN;
	guest_write(1, 0x10, 0x58, 2, PCI_EXP_DEVCTL_FLR);
	while ((err = assign_guest_reset(&nic.a)) == ERR_BUSY)
		fake_time_pass(PCI_MS);
	assert_int_equal(err, ERR_IO);
	assert_int_equal(nic.a.state, ASSIGN_PARKED);
	end();
}

/* ---- messages -------------------------------------------------------------------------------- */

static void only_some_messages_are_routed(void **state)
{
	static const struct {
		u64 address;
		u32 data;
		enum route_refusal want;
	} rows[] = {
	    {0xfee01000, 0x31, ROUTE_OK},
	    {0xfee01000, 0x10, ROUTE_OK},
	    {0xfee01000, 0x0f, ROUTE_VECTOR},
	    {0xfee01000, 0x131, ROUTE_OK},	 /* lowest priority */
	    {0xfee01000, 0x231, ROUTE_DELIVERY}, /* SMI */
	    {0xfee01000, 0x431, ROUTE_DELIVERY}, /* NMI */
	    {0xfee01000, 0x531, ROUTE_DELIVERY}, /* INIT */
	    {0xfee01000, 0x731, ROUTE_DELIVERY}, /* ExtINT */
	    {0xfee01000, 0xc031, ROUTE_TRIGGER},
	    {0xfee01010, 0x31, ROUTE_ADDRESS}, /* remappable format is not the guest's */
	    {0xfed01000, 0x31, ROUTE_ADDRESS},
	    {0x1fee01000, 0x31, ROUTE_ADDRESS},
	    {0, 0x31, ROUTE_ADDRESS},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pdev_guest_msi m = {rows[i].address, rows[i].data};
		struct route_message out;
		enum route_refusal got = route_decode(&m, false, &out);

		if (got != rows[i].want)
			fail_msg("%llx/%x: %s", (unsigned long long)m.address, m.data,
				 route_refusal_text(got));
	}
}

static void destinations_have_15_bits_where_offered(void **state)
{
	struct pdev_guest_msi m = {0xfee00000 | 0x2c << 12 | 0x55 << 5, 0x31};
	struct route_message out;

	assert_int_equal(route_decode(&m, true, &out), ROUTE_OK);
	assert_int_equal(out.destination, 0x552c);
	m.address = 0xfee00000 | 0xff << 12 | 0xc;
	assert_int_equal(route_decode(&m, false, &out), ROUTE_OK);
	assert_true(out.logical);
	assert_int_equal(out.destination, 0xff);
	/* as Linux in flat mode sends it: logical, without the redirection hint */
	m.address = 0xfee01004;
	assert_int_equal(route_decode(&m, false, &out), ROUTE_OK);
	assert_true(out.logical);
	m.address = 0xfee01008;
	assert_int_equal(route_decode(&m, false, &out), ROUTE_OK);
	assert_false(out.logical);
}

static void refused_routes_are_blocked_and_counted(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;

		begin(c);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		guest_msi(1, 0x10, 0, 0x41);
		assert_true(interrupt(&nic, &irq));
		guest_write(1, 0x10, 0x9c, 2, 0x02);
		guest_write(1, 0x10, 0x9c, 2, 0x441);
		guest_write(1, 0x10, 0x94, 4, 0xfee07000);
		assert_false(interrupt(&nic, &irq));
		assert_int_equal(nic.a.routes.counts.refused[ROUTE_VECTOR], 1);
		assert_int_equal(nic.a.routes.counts.refused[ROUTE_DELIVERY], 2);
		guest_write(1, 0x10, 0x9c, 2, 0x41);
		assert_int_equal(nic.a.routes.counts.refused[ROUTE_TARGET], 1);
		assert_false(interrupt(&nic, &irq));
		guest_write(1, 0x10, 0x94, 4, 0xfee01000);
		assert_true(interrupt(&nic, &irq));
		assert_int_equal(irq.apic_id, remap_cpu(1, 1));
		end();
	}
}

/* A register that does not hold what we wrote: the device sends as it likes, and reaches nobody. */
static void messages_not_ours_reach_nobody(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;
		struct pdev_host_msi other;

		begin(c);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		assert_int_equal(bring(ASSIGN_RUNNING, &gpu, &audio), OK);
		guest_msi(1, 0x10, 0, 0x41);
		guest_msi(0, 0x10, 0, 0x42);
		other = gpu.view.msi_host;
		nic.hw.config[0x94 / 4] = 0xfee00000; /* core 0, compatibility format */
		nic.hw.config[0x9c / 4] = 0x42;
		assert_false(interrupt(&nic, &irq) && irq.apic_id != remap_cpu(1, 0) &&
			     irq.apic_id != remap_cpu(1, 1));
		nic.hw.config[0x94 / 4] = (u32)other.address;
		nic.hw.config[0x9c / 4] = other.data;
		assert_false(interrupt(&nic, &irq) && irq.vector == 0x42);
		end();
	}
}

/* More MSI messages than the IOMMU has entries for it: those it has serve, the others are refused. */
static void fewer_entries_than_messages(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;

		begin(c);
		nic.fn.msi_log2 = 5;
		assert_true(nic.a.dev->interrupts < 32);
		assert_int_equal(bring(ASSIGN_RUNNING, &nic, NULL), OK);
		guest_msi(1, 0x10, 0, 0x40);
		assert_true(interrupt(&nic, &irq));
		assert_int_equal(nic.a.routes.count, nic.a.dev->interrupts);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(up_and_down_again),
	    cmocka_unit_test(interrupts_before_arming_and_after_teardown_reach_nobody),
	    cmocka_unit_test(fifty_owners_one_after_another),
	    cmocka_unit_test(a_neighbours_device_is_untouched),
	    cmocka_unit_test(each_failure_has_a_reason),
	    cmocka_unit_test(without_an_iommu_it_stays_below),
	    cmocka_unit_test(a_place_that_is_taken_is_said),
	    cmocka_unit_test(it_may_die_while_it_runs),
	    cmocka_unit_test(what_cannot_be_unmapped_is_parked),
	    cmocka_unit_test(a_ring_is_reset_together),
	    cmocka_unit_test(a_guests_reset_goes_on_by_the_host),
	    cmocka_unit_test(only_some_messages_are_routed),
	    cmocka_unit_test(destinations_have_15_bits_where_offered),
	    cmocka_unit_test(refused_routes_are_blocked_and_counted),
	    cmocka_unit_test(messages_not_ours_reach_nobody),
	    cmocka_unit_test(fewer_entries_than_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
