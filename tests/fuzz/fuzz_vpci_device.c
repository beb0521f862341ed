/*
 * A guest that does anything to an assigned function, and a function that says anything of itself.
 *
 * The first byte chooses: an honest function, or one whose configuration space is the input's next 512
 * bytes. The rest are accesses: configuration, MSI-X table and neighbours, the engine's failures,
 * resets. Invariants: mappings stay in the guest's windows (the engine aborts otherwise), the device's
 * own BARs stay where they are, and what it would send is a message of the engine's for an entry that is
 * routed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "passthrough/quirks/quirks.h"
#include "tests/fake/machine.h"
#include "tests/fake/pci_device.h"
#include "tests/fake/pdev_engine.h"

struct input {
	const u8 *p;
	size_t n;
};

static u32 take(struct input *in, u32 bytes)
{
	u32 v = 0;

	for (u32 i = 0; i < bytes; i++)
		if (in->n) {
			v |= (u32)*in->p++ << 8 * i;
			in->n--;
		}
	return v;
}

static struct fake_device dev;
static struct pci_function fn;
static struct fake_engine e;
static bool honest;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void build(struct input *in)
{
	fake_machine_reset();
	fake_device_init(&dev, (struct bdf){0, 1, 0}, 0x10de, 0x2684, 0x030000);
	fake_device_bar(&dev, 0, KIB(64), 0xe0000000, false, false);
	fake_device_bar(&dev, 2, KIB(64), 0x800000000, true, true);
	fake_device_bar(&dev, 4, 256, 0xe0100200, false, false);
	fake_device_pm(&dev, 0x40, false);
	fake_device_msi(&dev, 0x50, 5, true, true);
	fake_device_express(&dev, 0x70, PCI_EXP_TYPE_ENDPOINT, true);
	fake_device_msix(&dev, 0xb0, 16, 2, 0x2040, 2, 0xa000);
	fake_device_cap(&dev, 0xc0, PCI_CAP_VENDOR, (u32[]){0x00100000, 1, 2, 3}, 4);
	fake_device_cap(&dev, 0xd8, PCI_CAP_VPD, (u32[]){0, 0}, 2);
	fake_device_ext_cap(&dev, 0x100, PCI_EXT_REBAR, (u32[]){0, 0xfff0, 0x720}, 3);
	if (!honest)
		for (u32 i = 0; i < 64; i++) {
			/* BARs keep their kind, so that there is something behind them */
			if (i < PCI_BAR0 / 4 || i >= PCI_BAR0 / 4 + 6)
				dev.config[i] = take(in, 4);
			dev.config[PCI_STANDARD_SIZE / 4 + i] = take(in, 4);
		}
	fake_device_ready(&dev);
}

static void message_is_ours(u32 n)
{
	u64 address;
	u32 data;

	if (!fake_device_interrupt(&dev, n, &address, &data))
		return;
	for (u32 i = 0; i < 32; i++) {
		struct pdev_host_msi m = fake_engine_message(i);

		if (m.address == address && m.data == data) {
			/* plain MSI without a mask may hold refused numbers: those are blocked */
			check(e.routed[i] || !e.dev.msix_on);
			return;
		}
	}
	abort();
}

static void invariants(void)
{
	check(dev.config[PCI_BAR0 / 4] == 0xe0000000);
	check(dev.config[PCI_BAR0 / 4 + 2] == (0x0000000c));
	check(dev.config[PCI_BAR0 / 4 + 3] == 8);
	check(dev.config[PCI_COMMAND / 4] & PCI_COMMAND_INTX_OFF);
	check(!(dev.config[0x44 / 4] & PCI_PM_STATE));
	check(e.dev.f.lock.next == e.dev.f.lock.serving);
	for (u32 i = 0; i < 16; i++)
		message_is_ours(i);
}

static void access(struct input *in)
{
	static const u64 base[] = {0xc1000000, 0x4000002000, 0x400000a000, 0xc2000000};
	u32 op = take(in, 1), width = 1u << (op >> 4 & 3), off;
	u64 v;

	switch (op & 7) {
	case 0:
	case 1:
		width = width > 4 ? 4 : width;
		off = take(in, 2) & 0xfff & ~(width - 1);
		if (op & 1)
			fake_engine_write(&e, (u16)off, (u8)width, take(in, width));
		else
			fake_engine_read(&e, (u16)off, (u8)width);
		break;
	case 2:
		off = take(in, 2) & 0x1ff;
		v = take(in, 4) | (u64)take(in, 4) << 32;
		fake_engine_store(&e, base[op >> 6] + off, (u8)width, v);
		break;
	case 3:
		fake_engine_load(&e, base[op >> 6] + (take(in, 2) & 0xfff), (u8)width);
		break;
	case 4:
		e.map_error = op & 0x10 ? ERR_NOMEM : OK;
		e.route_error = op & 0x20 ? ERR_PERM : OK;
		break;
	case 5:
		e.reset_result = op & 0x10 ? ERR_BUSY : op & 0x20 ? ERR_IO : OK;
		if (e.dev.away && op & 0x40)
			vpci_device_came_back(&e.dev, op & 0x80);
		break;
	case 6:
		spin_lock(&e.dev.f.lock);
		e.dev.f.ops->reset(&e.dev.f);
		spin_unlock(&e.dev.f.lock);
		break;
	default:
		check(vpci_device_disarm(&e.dev) == OK);
		check(e.nmaps + e.platform.nregions == 0);
		check(vpci_device_arm(&e.dev) == OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct pci_verdict verdict;

	honest = !(take(&in, 1) & 1);
	build(&in);
	memset(&fn, 0, sizeof(fn));
	fn.bdf = dev.bdf;
	if (pci_function_read(&fn, &verdict) == OK) {
		quirks_apply(&fn, true);
		if (fake_engine_init(&e, &fn, NULL) == OK) {
			vpci_device_place(&e.dev, 0, 0xc1000000);
			vpci_device_place(&e.dev, 2, 0x4000000000);
			vpci_device_place(&e.dev, 4, 0xc2000000);
			if (vpci_device_arm(&e.dev) == OK) {
				while (in.n) {
					access(&in);
					if (honest)
						invariants();
				}
				check(vpci_device_disarm(&e.dev) == OK);
				check(e.nmaps + e.platform.nregions == 0);
				for (u32 i = 0; i < ENGINE_VECTORS; i++)
					check(!e.routed[i]);
			}
		}
	}
	fake_device_free(&dev);
	return 0;
}
