#include <string.h>

#include "tests/fake/machine.h"
#include "tests/fake/pdev_engine.h"

static struct fake_engine *engine_of(struct pdev *p)
{
	return (struct fake_engine *)vpci_device_of_pdev(p);
}

static bool overlap(u64 a, u64 an, u64 b, u64 bn)
{
	return a < b + bn && b < a + an;
}

static bool in_window(u64 at, u64 size)
{
	return (at >= ENGINE_LOW && at + size <= ENGINE_LOW + ENGINE_LOW_SIZE) ||
	       (at >= ENGINE_HIGH && at + size <= ENGINE_HIGH + ENGINE_HIGH_SIZE);
}

static int engine_map(struct pdev *p, const struct pdev_window *w)
{
	struct fake_engine *e = engine_of(p);
	const struct machine_bar *b = &e->dev.c.host->bars.bar[w->bar];

	e->maps++;
	if (w->gpa.v % PAGE_SIZE || w->offset % PAGE_SIZE || w->size % PAGE_SIZE || !w->size)
		fake_fail("a window that is not whole pages");
	if (w->offset + w->size > b->size)
		fake_fail("a window beyond its BAR");
	if (!in_window(w->gpa.v, w->size))
		fake_fail("mapped at %#llx, outside the guest's windows",
			  (unsigned long long)w->gpa.v);
	if (e->map_error)
		return e->map_error;
	for (u32 i = 0; i < e->nmaps; i++)
		if (overlap(e->map[i].gpa.v, e->map[i].size, w->gpa.v, w->size))
			return ERR_EXIST;
	if (e->nmaps == ENGINE_MAPS)
		fake_fail("mappings leak");
	e->map[e->nmaps++] = *w;
	return OK;
}

static int engine_unmap(struct pdev *p, const struct pdev_window *w)
{
	struct fake_engine *e = engine_of(p);

	e->unmaps++;
	if (e->unmap_error)
		return e->unmap_error;
	for (u32 i = 0; i < e->nmaps; i++)
		if (!memcmp(&e->map[i].gpa, &w->gpa, sizeof(w->gpa)) && e->map[i].size == w->size &&
		    e->map[i].bar == w->bar && e->map[i].offset == w->offset) {
			e->map[i] = e->map[--e->nmaps];
			return OK;
		}
	fake_fail("unmapped %#llx, where nothing is", (unsigned long long)w->gpa.v);
}

static void check_index(const struct fake_engine *e, u32 index)
{
	const struct pci_function *f = e->dev.c.host;
	u32 n = f->msix_vectors > 1u << f->msi_log2 ? f->msix_vectors : 1u << f->msi_log2;

	if (index >= n)
		fake_fail("interrupt %u of a function with %u", index, n);
}

struct pdev_host_msi fake_engine_message(u32 index)
{
	return (struct pdev_host_msi){0xfee00010 | (index >> 5) << 19, index & 31};
}

static int engine_route(struct pdev *p, u32 index, const struct pdev_guest_msi *guest,
			struct pdev_host_msi *host)
{
	struct fake_engine *e = engine_of(p);

	check_index(e, index);
	e->routes++;
	if (e->route_error || (guest->data & 0xff) < 16) {
		e->routed[index] = false;
		return e->route_error ? e->route_error : ERR_PERM;
	}
	e->routed[index] = true;
	e->guest[index] = *guest;
	*host = fake_engine_message(index);
	return OK;
}

static int engine_unroute(struct pdev *p, u32 index)
{
	struct fake_engine *e = engine_of(p);

	check_index(e, index);
	e->unroutes++;
	if (e->unroute_error)
		return e->unroute_error;
	e->routed[index] = false;
	return OK;
}

static int engine_reset(struct pdev *p)
{
	struct fake_engine *e = engine_of(p);

	e->resets++;
	return e->reset_result;
}

static const struct pdev_ops engine_ops = {
    .map = engine_map,
    .unmap = engine_unmap,
    .route = engine_route,
    .unroute = engine_unroute,
    .reset = engine_reset,
    .config_read = vpci_device_port_read,
    .config_write = vpci_device_port_write,
};

static u64 platform_time(void *ctx)
{
	return 0;
}

static void platform_refused(void *ctx, const struct platform_refused *r)
{
}

static const struct platform_ops platform_ops = {
    .time_ns = platform_time,
    .refused = platform_refused,
};

int fake_engine_init(struct fake_engine *e, struct pci_function *host,
		     void (*change)(struct vpci_device_config *c))
{
	struct platform_config pc = {
	    .ops = &platform_ops,
	    .ecam = GPA(0xe0000000),
	    .ecam_buses = 64,
	    .regions = e->regions,
	    .max_regions = ENGINE_REGIONS,
	};
	struct vpci_device_config c = {
	    .host = host,
	    .ops = &engine_ops,
	    .platform = &e->platform,
	    .window = {{ENGINE_LOW, ENGINE_LOW_SIZE}, {ENGINE_HIGH, ENGINE_HIGH_SIZE}},
	    .vectors = e->vectors,
	    .below_port = true,
	};

	memset(e, 0, sizeof(*e));
	pc.ctx = e;
	if (platform_init(&e->platform, &pc))
		fake_fail("no platform");
	if (change)
		change(&c);
	return vpci_device_init(&e->dev, &c);
}

bool fake_engine_direct(const struct fake_engine *e, u64 gpa, u8 *bar, u64 *off)
{
	for (u32 i = 0; i < e->nmaps; i++) {
		const struct pdev_window *w = &e->map[i];

		if (gpa < w->gpa.v || gpa - w->gpa.v >= w->size)
			continue;
		*bar = w->bar;
		*off = w->offset + (gpa - w->gpa.v);
		return true;
	}
	return false;
}

u32 fake_engine_read(struct fake_engine *e, u16 off, u8 width)
{
	u32 v;

	spin_lock(&e->dev.f.lock);
	v = e->dev.f.ops->read(&e->dev.f, off, width);
	spin_unlock(&e->dev.f.lock);
	if (width < 4 && v >> 8 * width)
		fake_fail("a read of %u bytes gave more", width);
	return v;
}

void fake_engine_write(struct fake_engine *e, u16 off, u8 width, u32 v)
{
	spin_lock(&e->dev.f.lock);
	e->dev.f.ops->write(&e->dev.f, off, width, v);
	spin_unlock(&e->dev.f.lock);
}

u64 fake_engine_load(struct fake_engine *e, u64 gpa, u8 width)
{
	u64 v = 0;

	platform_mmio(&e->platform, 0, GPA(gpa), width, false, &v);
	return v;
}

void fake_engine_store(struct fake_engine *e, u64 gpa, u8 width, u64 v)
{
	platform_mmio(&e->platform, 0, GPA(gpa), width, true, &v);
}
