/*
 * The IOMMU as the rest of Caprock sees it, on both drivers and their register models: domains,
 * attachment, interrupts, quarantine. Each scenario runs on every kind of unit.
 */
#include "iommu/quarantine.h"
#include "tests/unit/iommu_rig.h"

static void everything_is_blocked_after_start(void **state)
{
	EACH(c)
	{
		struct remap_irq irq;
		u64 at;

		remap_start(&r, c);
		for (u32 f = 0; f < REMAP_FUNCTIONS; f++)
			for (u64 a = 0; a < GIB(5); a += MIB(100)) {
				assert_false(remap_dma(&r, remap_bdf(&r, f), a, f & 1, &at));
				assert_false(remap_msi(&r, remap_bdf(&r, f), 0xfee00000,
						       a >> 20 & 0xff, &irq));
			}
		remap_end(&r);
	}
}

static void devices_reach_what_their_domain_maps(void **state)
{
	EACH(c)
	{
		remap_start(&r, c);
		map(0, 0, MIB(4), PT_RW);
		map(0, GIB(4), GIB(3), PT_RW);
		map(1, 0, MIB(8), PT_RW);
		assert_false(owns(REMAP_NIC, 0, 0));
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)));
		ok(iommu_attach(&r.domain[1], remap_device(&r, REMAP_DISK)));
		assert_true(owns(REMAP_NIC, 0, 0) && owns(REMAP_NIC, 0, MIB(4) - PAGE));
		assert_true(owns(REMAP_NIC, 0, GIB(6) + MIB(7)));
		assert_false(owns(REMAP_NIC, 0, MIB(4)));
		assert_true(owns(REMAP_DISK, 1, MIB(6)));
		assert_false(owns(REMAP_DISK, 1, GIB(4)));

		map(0, MIB(4), PAGE, PT_R);
		assert_true(reaches(REMAP_NIC, MIB(4), false, REMAP_MEMORY(0) + MIB(4)));
		assert_false(reaches(REMAP_NIC, MIB(4), true, 0));
		ok(iommu_protect(&r.domain[0], IOVA(MIB(4)), PAGE, PT_RW));
		assert_true(owns(REMAP_NIC, 0, MIB(4)));
		ok(iommu_protect(&r.domain[0], IOVA(0), MIB(2), PT_R));
		assert_false(reaches(REMAP_NIC, MIB(1), true, 0));
		assert_true(reaches(REMAP_NIC, MIB(2), true, REMAP_MEMORY(0) + MIB(2)));

		ok(iommu_unmap(&r.domain[0], IOVA(GIB(5)), MIB(2)));
		assert_false(owns(REMAP_NIC, 0, GIB(5)));
		assert_false(owns(REMAP_NIC, 0, GIB(5) + MIB(2) - PAGE));
		assert_true(owns(REMAP_NIC, 0, GIB(5) + MIB(2)));
		assert_true(owns(REMAP_DISK, 1, 0));

		ok(iommu_detach(remap_device(&r, REMAP_NIC), false));
		assert_false(owns(REMAP_NIC, 0, GIB(4)));
		assert_true(owns(REMAP_DISK, 1, 0));
		remap_end(&r);
	}
}

static void a_domain_spans_units(void **state)
{
	EACH(c)
	{
		remap_start(&r, c);
		map(0, 0, MIB(2), PT_RW);
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)));
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_FAR0)));
		assert_true(owns(REMAP_NIC, 0, PAGE) && owns(REMAP_FAR0, 0, PAGE));
		assert_false(owns(REMAP_FAR1, 0, PAGE));
		ok(iommu_unmap(&r.domain[0], IOVA(PAGE), PAGE));
		assert_false(owns(REMAP_NIC, 0, PAGE) || owns(REMAP_FAR0, 0, PAGE));
		map(0, PAGE, PAGE, PT_RW);
		assert_true(owns(REMAP_NIC, 0, PAGE) && owns(REMAP_FAR0, 0, PAGE));
		remap_end(&r);
	}
}

static void the_wrong_addresses_are_refused(void **state)
{
	struct iommu_domain *d = &r.domain[0];

	remap_start(&r, &remap_configs[0]);
	assert_int_equal(iommu_map(d, IOVA(0xfee00000), PADDR(GIB(9)), PAGE, PT_RW), ERR_PERM);
	assert_int_equal(iommu_map(d, IOVA(0xfedff000), PADDR(GIB(9)), 2 * PAGE, PT_RW), ERR_PERM);
	assert_int_equal(iommu_map(d, IOVA(0xfeefe000), PADDR(GIB(9)), 3 * PAGE, PT_RW), ERR_PERM);
	assert_int_equal(iommu_map(d, IOVA(0xfd00000000), PADDR(GIB(9)), PAGE, PT_RW), ERR_PERM);
	assert_int_equal(iommu_map(d, IOVA(0xfffffff000), PADDR(GIB(9)), PAGE, PT_RW), ERR_PERM);
	ok(iommu_map(d, IOVA(0xfedff000), PADDR(GIB(9)), PAGE, PT_RW));
	ok(iommu_map(d, IOVA(0xfef00000), PADDR(GIB(9)), PAGE, PT_RW));
	ok(iommu_map(d, IOVA(0x10000000000), PADDR(GIB(9)), PAGE, PT_RW));
	ok(iommu_map(d, IOVA(0xfcfffff000), PADDR(GIB(9)), PAGE, PT_RW));
	assert_int_equal(iommu_map(d, IOVA(0), PADDR(0), 0, PT_RW), ERR_INVAL);
	assert_int_equal(iommu_map(d, IOVA(~0xfffull), PADDR(0), 2 * PAGE, PT_RW), ERR_INVAL);
	assert_int_equal(iommu_map(d, IOVA(0), PADDR(0), PAGE, 0), ERR_INVAL);
	assert_int_equal(iommu_map(d, IOVA(0), PADDR(0), PAGE, PT_RWX), ERR_INVAL);
	assert_int_equal(iommu_protect(d, IOVA(0xfedff000), PAGE, 0), ERR_INVAL);
	assert_int_equal(iommu_protect(d, IOVA(0xfedff000), PAGE, PT_RWX), ERR_INVAL);
	assert_int_equal(iommu_map(d, IOVA(0xfedff000), PADDR(GIB(8)), PAGE, PT_RW), ERR_EXIST);
	remap_end(&r);
}

static void groups_stay_together(void **state)
{
	EACH(c)
	{
		struct iommu_device *gpu, *audio;

		remap_start(&r, c);
		gpu = remap_device(&r, REMAP_GPU);
		audio = remap_device(&r, REMAP_AUDIO);
		assert_ptr_not_equal(gpu, audio);
		assert_int_equal(gpu->group, audio->group);
		ok(iommu_attach(&r.domain[0], gpu));
		assert_int_equal(gpu->owner, 0);
		assert_int_equal(iommu_attach(&r.domain[1], audio), ERR_PERM);
		assert_int_equal(iommu_attach(&r.domain[0], gpu), ERR_BUSY);
		ok(iommu_attach(&r.domain[0], audio));
		ok(iommu_detach(gpu, false));
		assert_int_equal(gpu->owner, IOMMU_NO_OWNER);
		assert_int_equal(iommu_attach(&r.domain[1], gpu), ERR_PERM);
		ok(iommu_detach(audio, false));
		ok(iommu_attach(&r.domain[1], gpu));
		remap_end(&r);
	}
}

static void a_conventional_bus_is_attached_as_one(void **state)
{
	EACH(c)
	{
		struct iommu_device *dev;
		struct iommu_message m;
		struct remap_irq irq;
		u16 first;

		remap_start(&r, c);
		dev = remap_device(&r, REMAP_PCI0);
		assert_ptr_equal(dev, remap_device(&r, REMAP_PCI1));
		map(2, 0, MIB(2), PT_RW);
		ok(iommu_attach(&r.domain[2], dev));
		assert_true(owns(REMAP_PCI0, 2, 0) && owns(REMAP_PCI1, 2, PAGE));
		ok(iommu_irq_alloc(dev, 1, &first));
		ok(iommu_irq_set(dev, first,
				 &(struct iommu_irq){.apic_id = remap_cpu(2, 0), .vector = 0x77}));
		ok(iommu_irq_message(dev, first, &m));
		assert_true(interrupts(REMAP_PCI1, &m, 0, &irq));
		assert_int_equal(irq.vector, 0x77);
		ok(iommu_detach(dev, false));
		assert_false(owns(REMAP_PCI0, 2, 0) || owns(REMAP_PCI1, 2, PAGE));
		assert_false(interrupts(REMAP_PCI1, &m, 0, &irq));
		remap_end(&r);
	}
}

static void interrupts_reach_the_owners_cores_only(void **state)
{
	EACH(c)
	{
		struct iommu_device *nic, *far;
		struct iommu_message m, n;
		struct remap_irq irq;
		struct iommu_irq to = {.apic_id = remap_cpu(0, 0), .vector = 0x41};
		u16 first, other;

		remap_start(&r, c);
		nic = remap_device(&r, REMAP_NIC);
		far = remap_device(&r, REMAP_FAR0);
		assert_int_equal(iommu_irq_alloc(nic, 1, &first), ERR_BUSY);
		assert_int_equal(iommu_irq_set(nic, 0, &to), ERR_BUSY);
		assert_int_equal(iommu_irq_message(nic, 0, &m), ERR_BUSY);
		ok(iommu_attach(&r.domain[0], nic));
		ok(iommu_attach(&r.domain[1], far));
		assert_int_equal(iommu_irq_alloc(nic, 0, &first), ERR_INVAL);
		ok(iommu_irq_alloc(nic, 4, &first));
		assert_int_equal(first % 4, 0);
		ok(iommu_irq_alloc(far, 1, &other));
		ok(iommu_irq_message(nic, first, &m));
		ok(iommu_irq_message(far, other, &n));
		assert_false(interrupts(REMAP_NIC, &m, 0, &irq));

		for (u8 v = 0; v < 16; v++)
			assert_int_equal(
			    iommu_irq_set(nic, first,
					  &(struct iommu_irq){.apic_id = to.apic_id, .vector = v}),
			    ERR_PERM);
		for (u32 core = 0; core < 10; core++)
			if (core != remap_cpu(0, 0) && core != remap_cpu(0, 1))
				assert_int_equal(iommu_irq_set(nic, first,
							       &(struct iommu_irq){.apic_id = core,
										   .vector = 0x41}),
						 ERR_PERM);
		assert_int_equal(
		    iommu_irq_set(
			nic, first,
			&(struct iommu_irq){.apic_id = to.apic_id, .vector = 0x41, .level = true}),
		    ERR_PERM);
		assert_int_equal(iommu_irq_set(nic, first,
					       &(struct iommu_irq){.apic_id = to.apic_id,
								   .vector = 0x41,
								   .posted = PADDR(0x1000)}),
				 ERR_UNSUPPORTED);
		assert_false(interrupts(REMAP_NIC, &m, 0, &irq));

		ok(iommu_irq_set(nic, first, &to));
		to.vector = 0x43;
		ok(iommu_irq_set(nic, (u16)(first + 2), &to));
		assert_true(interrupts(REMAP_NIC, &m, 0, &irq));
		assert_true(irq.remapped && irq.apic_id == remap_cpu(0, 0) && irq.vector == 0x41);
		assert_false(interrupts(REMAP_NIC, &m, 1, &irq));
		assert_true(interrupts(REMAP_NIC, &m, 2, &irq));
		assert_int_equal(irq.vector, 0x43);
		/* nobody else gets through with these, nor the device with anybody else's */
		assert_false(interrupts(REMAP_DISK, &m, 0, &irq));
		assert_false(interrupts(REMAP_FAR0, &m, 0, &irq));
		assert_false(interrupts(REMAP_NIC, &n, 0, &irq) && irq.vector != 0x41);
		for (u32 data = 0; data < 0x1000; data += 0x55)
			if (remap_msi(&r, remap_bdf(&r, REMAP_NIC), 0xfee00000, data, &irq))
				assert_true(irq.remapped &&
					    (irq.vector == 0x41 || irq.vector == 0x43));

		to = (struct iommu_irq){.apic_id = remap_cpu(0, 1), .vector = 0x55};
		ok(iommu_irq_set(nic, first, &to));
		assert_true(interrupts(REMAP_NIC, &m, 0, &irq));
		assert_true(irq.apic_id == remap_cpu(0, 1) && irq.vector == 0x55);
		ok(iommu_irq_clear(nic, first));
		assert_false(interrupts(REMAP_NIC, &m, 0, &irq));
		ok(iommu_irq_set(nic, first, &to));
		ok(iommu_irq_free(nic, first, 4));
		assert_false(interrupts(REMAP_NIC, &m, 0, &irq));
		assert_int_not_equal(iommu_irq_set(nic, first, &to), OK);
		ok(iommu_detach(nic, false));
		assert_false(interrupts(REMAP_NIC, &m, 2, &irq));
		assert_int_equal(iommu_irq_free(nic, first, 4), ERR_BUSY);
		assert_int_equal(iommu_irq_clear(nic, first), ERR_BUSY);
		remap_end(&r);
	}
}

static void destinations_are_as_wide_as_the_machine(void **state)
{
	EACH(c)
	{
		static const u32 cpus[] = {0xfe, 0xff, 0x12345};
		struct iommu_device *nic;
		struct iommu_message m;
		struct remap_irq irq;
		u16 first;

		remap_start(&r, c);
		r.domain[0].cpus = cpus;
		r.domain[0].ncpus = 3;
		nic = remap_device(&r, REMAP_NIC);
		ok(iommu_attach(&r.domain[0], nic));
		ok(iommu_irq_alloc(nic, 1, &first));
		ok(iommu_irq_message(nic, first, &m));
		for (u32 i = 0; i < 3; i++) {
			struct iommu_irq to = {.apic_id = cpus[i], .vector = 0x60};
			int err = iommu_irq_set(nic, first, &to);

			/* not every unit has 32-bit entries; FFh is then everybody */
			if (i && !r.iommu.caps.x2apic) {
				assert_int_equal(err, ERR_UNSUPPORTED);
				continue;
			}
			ok(err);
			assert_true(interrupts(REMAP_NIC, &m, 0, &irq));
			assert_int_equal(irq.apic_id, cpus[i]);
		}
		assert_int_equal(r.iommu.caps.x2apic, !c->xapic);
		remap_end(&r);
	}
}

static void an_ioapic_belongs_to_the_hypervisor(void **state)
{
	EACH(c)
	{
		static const u32 cpus[] = {0};
		struct iommu_domain hv;
		struct iommu_device *dev;
		struct iommu_message m;
		struct pool pool;
		u16 first;

		remap_start(&r, c);
		dev = iommu_find_special(&r.iommu, IOMMU_DEV_IOAPIC, REMAP_IOAPIC_ID);
		assert_non_null(dev);
		pool_init(&pool, r.ws[2].base, r.ws[2].size);
		pool = r.ws[2];
		ok(iommu_domain_init(&hv, &r.iommu, IOMMU_HV_OWNER, &pool, cpus, 1));
		ok(iommu_attach(&hv, dev));
		ok(iommu_irq_alloc(dev, 1, &first));
		ok(iommu_irq_set(dev, first,
				 &(struct iommu_irq){.apic_id = 0, .vector = 0x24, .level = true}));
		ok(iommu_irq_message(dev, first, &m));
		assert_true(m.ioapic_entry & 1ull << 16);
		remap_end(&r);
	}
}

static void domains_come_and_go_without_a_trace(void **state)
{
	EACH(c)
	{
		u64 before[REMAP_WS];

		remap_start(&r, c);
		for (u32 i = 0; i < REMAP_WS; i++)
			before[i] = r.ws[i].in_use;
		for (u32 round = 0; round < 20; round++) {
			u32 ws = round % REMAP_WS;
			u16 id = r.domain[ws].id;

			map(ws, GIB(1) + round * MIB(2), MIB(4), PT_RW);
			ok(iommu_attach(&r.domain[ws], remap_device(&r, REMAP_NIC)));
			assert_true(owns(REMAP_NIC, ws, GIB(1) + round * MIB(2)));
			assert_int_equal(iommu_domain_fini(&r.domain[ws]), ERR_BUSY);
			assert_true(owns(REMAP_NIC, ws, GIB(1) + round * MIB(2)));
			ok(iommu_detach(remap_device(&r, REMAP_NIC), false));
			ok(iommu_domain_fini(&r.domain[ws]));
			remap_domain(&r, ws);
			assert_int_equal(r.domain[ws].id, id);
			ok(iommu_attach(&r.domain[ws], remap_device(&r, REMAP_NIC)));
			assert_false(owns(REMAP_NIC, ws, GIB(1) + round * MIB(2)));
			ok(iommu_detach(remap_device(&r, REMAP_NIC), false));
		}
		for (u32 i = 0; i < REMAP_WS; i++)
			assert_int_equal(r.ws[i].in_use, before[i]);
		remap_end(&r);
	}
}

static void ids_run_out_and_come_back(void **state)
{
	static struct iommu_domain many[64];
	struct iommu_domain extra;
	struct pool tiny;
	u32 n = 0;
	int err;

	remap_start(&r, &remap_configs[0]);
	r.iommu.caps.max_domains = 16;
	while (!(err = iommu_domain_init(&many[n], &r.iommu, 9, &r.ws[0], NULL, 0)))
		n++;
	assert_int_equal(err, ERR_NOMEM);
	assert_int_equal(n, 15 - REMAP_WS);
	for (u32 i = 0; i < n; i++)
		for (u32 j = 0; j < i; j++)
			assert_int_not_equal(many[i].id, many[j].id);
	ok(iommu_domain_fini(&many[3]));
	ok(iommu_domain_init(&extra, &r.iommu, 9, &r.ws[0], NULL, 0));
	assert_int_equal(extra.id, many[3].id);

	/* one that could not be made gives its id back */
	ok(iommu_domain_fini(&extra));
	tiny = r.ws[1];
	tiny.size = align_up(tiny.next, PAGE);
	tiny.free.v = 0;
	assert_int_equal(iommu_domain_init(&extra, &r.iommu, 9, &tiny, NULL, 0), ERR_NOMEM);
	ok(iommu_domain_init(&extra, &r.iommu, 9, &r.ws[0], NULL, 0));

	/* the very last of 16 bits is an id, what no entry could hold is none */
	r.iommu.caps.max_domains = 0x20000;
	memset(r.iommu.domain_ids, 0xff, 0x10000 / 8);
	assert_int_equal(iommu_domain_init(&extra, &r.iommu, 9, &r.ws[0], NULL, 0), ERR_NOMEM);
	r.iommu.domain_ids[0xffff / 64] &= ~(1ull << 63);
	ok(iommu_domain_init(&extra, &r.iommu, 9, &r.ws[0], NULL, 0));
	assert_int_equal(extra.id, 0xffff);
	remap_end(&r);
}

/* Before its id and pages go to somebody else, every unit is told, whoever used it last. */
static void an_ended_domain_is_flushed_everywhere(void **state)
{
	EACH(c)
	{
		u64 before[2];

		remap_start(&r, c);
		map(0, 0, MIB(2), PT_RW);
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)));
		ok(iommu_detach(remap_device(&r, REMAP_NIC), false));
		for (u32 i = 0; i < 2; i++)
			before[i] = remap_flushes(&r, i);
		ok(iommu_domain_fini(&r.domain[0]));
		for (u32 i = 0; i < 2; i++)
			assert_true(remap_flushes(&r, i) > before[i]);
		remap_end(&r);
	}
}

/* A grant without a page left: nothing half done, nobody else concerned. */
static void an_exhausted_grant_fails_alone(void **state)
{
	EACH(c)
	{
		struct pool tiny;
		struct iommu_domain d;
		u32 mapped = 0;
		int err;

		remap_start(&r, c);
		tiny = r.ws[0];
		tiny.size = align_up(tiny.next, PAGE) + 6 * PAGE;
		ok(iommu_domain_init(&d, &r.iommu, 5, &tiny, NULL, 0));
		ok(iommu_attach(&d, remap_device(&r, REMAP_DISK)));
		while (!(
		    err = iommu_map(&d, IOVA(GIB(1) * mapped), PADDR(GIB(70) + PAGE), PAGE, PT_RW)))
			mapped++;
		assert_int_equal(err, ERR_NOMEM);
		assert_false(reaches(REMAP_DISK, GIB(1) * mapped, false, 0));
		for (u32 i = 0; i < mapped; i++)
			assert_true(reaches(REMAP_DISK, GIB(1) * i, true, GIB(70) + PAGE));
		remap_end(&r);
	}
}

/* The hardware stops obeying in the middle: what was unmapped stays owed, and nothing is attached. */
static void a_failed_flush_is_not_forgotten(void **state)
{
	EACH(c)
	{
		struct iommu_domain *d = &r.domain[0];
		u64 in_use;

		remap_start(&r, c);
		map(0, 0, MIB(2), PT_RW);
		map(0, GIB(1), PAGE, PT_RW);
		ok(iommu_attach(d, remap_device(&r, REMAP_NIC)));
		in_use = r.ws[0].in_use;
		remap_break(&r);
		assert_int_equal(iommu_unmap(d, IOVA(GIB(1)), PAGE), ERR_IO);
		assert_int_equal(remap_device(&r, REMAP_NIC)->unit->state, IOMMU_UNIT_FAILED);
		assert_int_equal(r.ws[0].in_use, in_use);
		assert_int_equal(iommu_map(d, IOVA(GIB(1)), PADDR(GIB(99)), PAGE, PT_RW), ERR_BUSY);
		assert_int_equal(iommu_attach(d, remap_device(&r, REMAP_DISK)), ERR_BUSY);
		assert_int_equal(iommu_attach(&r.domain[1], remap_device(&r, REMAP_DISK)), ERR_IO);
		assert_int_not_equal(iommu_detach(remap_device(&r, REMAP_NIC), false), OK);
		assert_ptr_equal(d->devices, remap_device(&r, REMAP_NIC));
		assert_int_equal(iommu_domain_fini(d), ERR_BUSY);
	}
}

static void quarantine_keeps_what_was_listed_and_no_more(void **state)
{
	EACH(c)
	{
		static const struct unity_range keep[] = {
		    {.base = PADDR(0x7c000000), .size = 0x200000, .read = true, .write = true},
		    {.base = PADDR(0x7d000000), .size = 0x1000, .read = true},
		};
		struct quarantine q;
		struct pool empty;
		u64 in_use, at;

		remap_start(&r, c);
		in_use = r.ws[2].in_use;
		ok(quarantine_enter(&q, remap_device(&r, REMAP_NIC), keep, 2, &r.ws[2]));
		assert_true(reaches(REMAP_NIC, 0x7c1ff000, true, 0x7c1ff000));
		assert_true(reaches(REMAP_NIC, 0x7d000000, false, 0x7d000000));
		assert_false(reaches(REMAP_NIC, 0x7d000000, true, 0));
		for (u64 a = 0; a < GIB(4); a += MIB(16))
			if (a != 0x7c000000 && a != 0x7d000000)
				assert_false(
				    remap_dma(&r, remap_bdf(&r, REMAP_NIC), a, false, &at));
		assert_int_equal(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)), ERR_BUSY);
		ok(quarantine_leave(&q));
		assert_false(reaches(REMAP_NIC, 0x7c000000, true, 0));
		assert_int_equal(r.ws[2].in_use, in_use);
		ok(quarantine_carry_over(&r.domain[0], keep, 2));
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)));
		assert_true(reaches(REMAP_NIC, 0x7c000000, true, 0x7c000000));
		assert_false(reaches(REMAP_NIC, 0x7d000000, true, 0));

		/* no page for its table: refused before anything */
		ok(iommu_detach(remap_device(&r, REMAP_NIC), false));
		empty = (struct pool){.base = r.ws[2].base};
		assert_int_equal(quarantine_enter(&q, remap_device(&r, REMAP_NIC), keep, 2, &empty),
				 ERR_NOMEM);
		assert_null(remap_device(&r, REMAP_NIC)->home);

		/* one that cannot be kept leaves the device blocked and takes nothing */
		in_use = r.ws[2].in_use;
		assert_int_equal(quarantine_enter(&q, remap_device(&r, REMAP_DISK),
						  &(struct unity_range){.base = PADDR(0xfee00000),
									.size = 0x1000,
									.read = true},
						  1, &r.ws[2]),
				 ERR_PERM);
		assert_int_equal(r.ws[2].in_use, in_use);
		assert_false(reaches(REMAP_DISK, 0xfee00000, false, 0));
		remap_end(&r);
	}
}

static void quiet_units_block_everything(void **state)
{
	EACH(c)
	{
		remap_start(&r, c);
		map(0, 0, MIB(2), PT_RW);
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)));
		ok(iommu_attach(&r.domain[0], remap_device(&r, REMAP_FAR1)));
		assert_true(owns(REMAP_NIC, 0, 0) && owns(REMAP_FAR1, 0, 0));
		ok(iommu_quiesce(&r.iommu));
		assert_false(owns(REMAP_NIC, 0, 0) || owns(REMAP_FAR1, 0, 0));
		for (u32 i = 0; i < 2; i++)
			assert_int_equal(r.iommu.units[i].state, IOMMU_UNIT_QUIET);
		assert_int_equal(iommu_attach(&r.domain[0], remap_device(&r, REMAP_DISK)), ERR_IO);
	}
}

static void without_interrupt_remapping_nothing_is_attached(void **state)
{
	remap_start(&r, &remap_configs[0]);
	r.iommu.units[0].caps.irq_remapping = false;
	assert_int_equal(iommu_attach(&r.domain[0], remap_device(&r, REMAP_NIC)), ERR_UNSUPPORTED);
	assert_false(owns(REMAP_NIC, 0, 0));
	remap_end(&r);
	remap_build(&r, &remap_configs[0]);
	assert_int_equal(iommu_domain_init(&r.domain[0], &r.iommu, 0, &r.ws[0], NULL, 0), ERR_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_blocked_after_start),
	    cmocka_unit_test(devices_reach_what_their_domain_maps),
	    cmocka_unit_test(a_domain_spans_units),
	    cmocka_unit_test(the_wrong_addresses_are_refused),
	    cmocka_unit_test(groups_stay_together),
	    cmocka_unit_test(a_conventional_bus_is_attached_as_one),
	    cmocka_unit_test(interrupts_reach_the_owners_cores_only),
	    cmocka_unit_test(destinations_are_as_wide_as_the_machine),
	    cmocka_unit_test(an_ioapic_belongs_to_the_hypervisor),
	    cmocka_unit_test(domains_come_and_go_without_a_trace),
	    cmocka_unit_test(ids_run_out_and_come_back),
	    cmocka_unit_test(an_ended_domain_is_flushed_everywhere),
	    cmocka_unit_test(an_exhausted_grant_fails_alone),
	    cmocka_unit_test(a_failed_flush_is_not_forgotten),
	    cmocka_unit_test(quarantine_keeps_what_was_listed_and_no_more),
	    cmocka_unit_test(quiet_units_block_everything),
	    cmocka_unit_test(without_interrupt_remapping_nothing_is_attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
