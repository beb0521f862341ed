#include "passthrough/vpci/device.h"
#include "core/base/mem.h"
#include "passthrough/vpci/priv.h"

static u32 ones(u8 width)
{
	return (u32)(((u64)1 << 8 * width) - 1);
}

/* ---- reading --------------------------------------------------------------------------------- */

static u32 dword_read(const struct vpci_device *d, u32 i)
{
	u32 shown = d->shown[i];

	if (!shown)
		return d->value[i];
	return (d->value[i] & ~shown) | (vdev_read(d, (u16)(4 * i), 4) & shown);
}

u32 vdev_config_read(struct vpci_device *d, u16 off, u8 width)
{
	if (d->away || d->failed)
		return ones(width);
	return dword_read(d, off / 4u) >> 8 * (off % 4) & ones(width);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* What the guest wrote: `v` where `bits`, in a dword that was `old`. */
struct written {
	u32 i; /* dword */
	u32 v, bits, old;
};

static void command(struct vpci_device *d, const struct written *w)
{
	u32 errors = w->v & w->bits & PCI_STATUS_ERRORS << 16;

	if (errors)
		vdev_write(d, PCI_STATUS, 2, errors >> 16);
	vdev_power_write(d);
	vdev_bars_update(d);
}

static void bar(struct vpci_device *d, const struct written *w)
{
	vdev_bars_update(d);
}

static void msi(struct vpci_device *d, const struct written *w)
{
	vdev_msi_update(d);
}

static void msix(struct vpci_device *d, const struct written *w)
{
	vdev_msix_update(d);
}

/* D1 and D2 do not exist: a write of them changes nothing (PM 1.2 §3.2.4). */
static void power(struct vpci_device *d, const struct written *w)
{
	u32 state = d->value[w->i] & PCI_PM_STATE;

	if (state && state != PCI_PM_D3HOT)
		d->value[w->i] = w->old;
	vdev_power_write(d);
	vdev_bars_update(d);
}

static void express_control(struct vpci_device *d, const struct written *w)
{
	if (w->v & w->bits & PCI_EXP_DEVCTL_FLR &&
	    d->value[d->c.host->at.express / 4 + 1] & PCI_EXP_DEVCAP_FLR)
		vdev_guest_reset(d);
}

static void af(struct vpci_device *d, const struct written *w)
{
	if (w->v & w->bits & 1)
		vdev_guest_reset(d);
}

/* Bit 15 of the address set starts a write (PCI 3.0 appendix I): only reads are started. */
static void vpd(struct vpci_device *d, const struct written *w)
{
	if ((w->bits & 0xffff0000u) != 0xffff0000u)
		return;
	if (w->v >> 31)
		d->count.writes_dropped++;
	else
		vdev_write(d, (u16)(4 * w->i + 2), 2, w->v >> 16);
}

typedef void (*hook_fn)(struct vpci_device *d, const struct written *w);

static const hook_fn hooks[HOOKS] = {
    [HOOK_COMMAND] = command,
    [HOOK_BAR] = bar,
    [HOOK_ROM] = bar,
    [HOOK_MSI] = msi,
    [HOOK_MSIX] = msix,
    [HOOK_POWER] = power,
    [HOOK_EXPRESS_CONTROL] = express_control,
    [HOOK_AF] = af,
    [HOOK_VPD] = vpd,
};

/* The guest's own width where all of it goes through, else the dword with only those bits changed. */
static void write_through(struct vpci_device *d, u16 off, u8 width, u32 v, u32 bits)
{
	u32 i = off / 4u, through = d->through[i] & bits, now;

	if (!through)
		return;
	if (through == bits) {
		vdev_write(d, off, width, v);
		return;
	}
	now = vdev_read(d, (u16)(4 * i), 4);
	if (now == ~0u) /* it is gone: ones are no value to write back */
		return;
	v <<= 8 * (off % 4);
	if (!(through >> 16)) /* status in the upper half is write one to clear: not touched */
		vdev_write(d, (u16)(4 * i), 2, ((now & ~through) | (v & through)) & 0xffff);
	else
		vdev_write(d, (u16)(4 * i), 4, (now & ~through) | (v & through));
}

void vdev_config_write(struct vpci_device *d, u16 off, u8 width, u32 v)
{
	u32 i = off / 4u, shift = 8 * (off % 4);
	struct written w = {i, v << shift, ones(width) << shift, d->value[i]};

	if (d->away || d->failed) {
		d->count.writes_dropped++;
		return;
	}
	if (!d->hook[i] && !((d->writable[i] | d->through[i]) & w.bits)) {
		d->count.writes_dropped++;
		return;
	}
	d->value[i] = (w.old & ~(d->writable[i] & w.bits)) | (w.v & d->writable[i] & w.bits);
	write_through(d, off, width, v, w.bits);
	if (d->hook[i])
		hooks[d->hook[i]](d, &w);
}

static u32 device_read(struct vpci_function *f, u16 off, u8 width)
{
	return vdev_config_read(vpci_device_of(f), off, width);
}

static void device_write(struct vpci_function *f, u16 off, u8 width, u32 v)
{
	vdev_config_write(vpci_device_of(f), off, width, v);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The view after a reset, whatever was mapped or routed being gone. */
static void view_reset(struct vpci_device *d)
{
	memcpy(d->value, d->reset, sizeof(d->value));
	for (u32 i = 0; i < d->nvectors; i++)
		d->c.vectors[i] = (struct vdev_vector){.masked = true};
	d->msi_mask = 0;
}

static int withdraw(struct vpci_device *d)
{
	int err = vdev_irqs_remove(d), err2 = vdev_bars_remove(d);

	return err ? err : err2;
}

static void device_reset(struct vpci_function *f)
{
	struct vpci_device *d = vpci_device_of(f);

	if (withdraw(d)) {
		d->failed = true;
		return;
	}
	view_reset(d);
	if (d->armed && !d->away)
		vdev_power_write(d);
}

static const struct vpci_function_ops function_ops = {device_read, device_write, device_reset};

int vpci_device_init(struct vpci_device *d, const struct vpci_device_config *c)
{
	struct pci_verdict v;
	int err;

	memset(d, 0, sizeof(*d));
	if (c->host->header_type)
		return ERR_UNSUPPORTED;
	err = pci_function_check(c->host, &v);
	if (err)
		return err;
	d->f.ops = &function_ops;
	d->pdev.ops = c->ops;
	d->c = *c;
	if (c->host->at.msix && c->vectors && !(c->quirks & VDEV_NO_MSIX))
		d->nvectors = c->host->msix_vectors;
	vdev_policy_build(d);
	view_reset(d);
	return OK;
}

/* The device itself: decoding on, everything that makes it act off. */
static int arm_host(struct vpci_device *d)
{
	struct pci_function *f = d->c.host;
	u32 now, must = f->is_vf ? 0 : PCI_COMMAND_MEMORY;

	f->quiet = f->fresh = false;
	vdev_write(d, PCI_COMMAND, 2, VDEV_HOST_COMMAND);
	now = vdev_read(d, PCI_COMMAND, 2);
	return now & PCI_COMMAND_MASTER || (now & must) != must ? ERR_IO : OK;
}

int vpci_device_arm(struct vpci_device *d)
{
	int err;

	spin_lock(&d->f.lock);
	err = d->armed || d->failed ? ERR_BUSY : arm_host(d);
	if (!err)
		err = vdev_bars_map_host(d);
	if (!err) {
		d->armed = true;
		d->away = false;
		view_reset(d);
		err = vdev_irqs_remove(d);
	}
	spin_unlock(&d->f.lock);
	return err;
}

int vpci_device_disarm(struct vpci_device *d)
{
	int err;

	spin_lock(&d->f.lock);
	if (d->armed && !d->away) {
		d->value[PCI_COMMAND / 4] &= ~(PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
		vdev_power_write(d);
	}
	err = withdraw(d);
	d->failed = err != OK;
	if (!err) {
		d->armed = false;
		view_reset(d);
	}
	spin_unlock(&d->f.lock);
	return err;
}

void vdev_guest_reset(struct vpci_device *d)
{
	int err;

	d->count.resets++;
	if (withdraw(d)) {
		d->failed = true;
		return;
	}
	view_reset(d);
	d->away = true;
	err = d->pdev.ops->reset(&d->pdev);
	if (err != ERR_BUSY)
		d->away = err || arm_host(d) || vdev_irqs_remove(d);
}

void vpci_device_came_back(struct vpci_device *d, bool ok)
{
	spin_lock(&d->f.lock);
	if (d->armed && ok)
		d->away = arm_host(d) || vdev_irqs_remove(d);
	spin_unlock(&d->f.lock);
}

void vpci_device_gone(struct vpci_device *d)
{
	spin_lock(&d->f.lock);
	d->away = true;
	spin_unlock(&d->f.lock);
}

u32 vpci_device_port_read(struct pdev *p, u16 off, u8 width)
{
	return pci_read(vpci_device_of_pdev(p)->c.host, off, width);
}

void vpci_device_port_write(struct pdev *p, u16 off, u8 width, u32 v)
{
	pci_write(vpci_device_of_pdev(p)->c.host, off, width, v);
}
