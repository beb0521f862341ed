#include "passthrough/pci/function.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "passthrough/pci/sriov.h"

static u32 read_port(const void *ctx, u16 off, u8 width)
{
	return port_pci_read(*(const struct bdf *)ctx, off, width);
}

int pci_fail(struct pci_verdict *v, int err, const char *format, ...)
{
	va_list ap;

	v->err = err;
	va_start(ap, format);
	vfmt(v->text, sizeof(v->text), format, ap);
	va_end(ap);
	return err;
}

/* Only a capability that is there as a whole is used. */
static u16 place(const struct pci_cap *c)
{
	return c && c->whole ? c->off : 0;
}

static void find_known(struct pci_function *f)
{
	const struct pci_caps *c = &f->caps;

	f->at = (struct pci_known){
	    .pm = place(pci_cap_find(c, PCI_CAP_PM)),
	    .msi = place(pci_cap_find(c, PCI_CAP_MSI)),
	    .msix = place(pci_cap_find(c, PCI_CAP_MSIX)),
	    .express = place(pci_cap_find(c, PCI_CAP_EXPRESS)),
	    .af = place(pci_cap_find(c, PCI_CAP_AF)),
	    .aer = place(pci_ext_cap_find(c, PCI_EXT_AER)),
	    .acs = place(pci_ext_cap_find(c, PCI_EXT_ACS)),
	    .ltr = place(pci_ext_cap_find(c, PCI_EXT_LTR)),
	    .rebar = place(pci_ext_cap_find(c, PCI_EXT_REBAR)),
	    .sriov = place(pci_ext_cap_find(c, PCI_EXT_SRIOV)),
	    .ats = place(pci_ext_cap_find(c, PCI_EXT_ATS)),
	    .serial = place(pci_ext_cap_find(c, PCI_EXT_SERIAL)),
	};
}

int pci_identity_read(const struct pci_function *f, struct pci_identity *out)
{
	u32 ids = pci_read(f, PCI_VENDOR, 4), class_code = pci_read(f, PCI_CLASS, 4);
	u32 sub = f->header_type ? 0 : pci_read(f, PCI_SUBVENDOR, 4);

	*out = (struct pci_identity){
	    .vendor = (u16)ids,
	    .device = (u16)(ids >> 16),
	    .subvendor = (u16)sub,
	    .subdevice = (u16)(sub >> 16),
	    .class_code = class_code >> 8,
	    .revision = (u8)class_code,
	};
	if (f->at.serial)
		out->serial =
		    pci_read(f, f->at.serial + 4, 4) | (u64)pci_read(f, f->at.serial + 8, 4) << 32;
	if (class_code == ~0u)
		return ERR_IO;
	if (f->is_vf && f->pf) {
		/* ids of a VF read all ones (§9.3.4.1.1); the PF's capability tells */
		out->vendor = f->pf->id.vendor;
		out->device = (u16)pci_read(f->pf, f->pf->at.sriov + PCI_SRIOV_VF_DEVICE, 2);
		return OK;
	}
	return ids == ~0u || !ids ? ERR_IO : OK;
}

bool pci_identity_equal(const struct pci_identity *a, const struct pci_identity *b)
{
	return a->vendor == b->vendor && a->device == b->device && a->subvendor == b->subvendor &&
	       a->subdevice == b->subdevice && a->class_code == b->class_code &&
	       a->revision == b->revision && a->serial == b->serial;
}

static struct pci_structure structure(const struct pci_function *f, u16 reg, u64 size)
{
	u32 v = pci_read(f, (u16)(f->at.msix + reg), 4);

	return (struct pci_structure){v & PCI_MSIX_BIR, v & ~PCI_MSIX_BIR, size};
}

static void find_interrupts(struct pci_function *f)
{
	u32 control;

	if (f->at.msi) {
		control = pci_read(f, f->at.msi + PCI_MSI_CONTROL, 2);
		f->msi_log2 = (u8)((control & PCI_MSI_CAPABLE) >> 1);
		f->msi_64 = control & PCI_MSI_64;
		f->msi_masking = control & PCI_MSI_MASKING;
	}
	/* 110b and 111b are reserved (PCI 3.0 §6.8.1.3) */
	if (f->msi_log2 > 5)
		f->at.msi = f->msi_log2 = 0;
	if (!f->at.msix)
		return;
	control = pci_read(f, f->at.msix + PCI_MSIX_CONTROL, 2);
	f->msix_vectors = (control & PCI_MSIX_SIZE) + 1;
	f->msix_table = structure(f, PCI_MSIX_TABLE, (u64)f->msix_vectors * PCI_MSIX_ENTRY);
	f->msix_pba = structure(f, PCI_MSIX_PBA, (f->msix_vectors + 63u) / 64 * 8);
}

/* A table or PBA in a BAR that is not there, or past its end, makes MSI-X unusable. */
static bool structure_fits(const struct pci_function *f, const struct pci_structure *s)
{
	const struct machine_bar *b;

	if (s->bar >= PCI_BARS)
		return false;
	b = &f->bars.bar[s->bar];
	return b->size && !b->io && s->off < b->size && s->size <= b->size - s->off;
}

static bool structures_overlap(const struct pci_structure *a, const struct pci_structure *b)
{
	return a->bar == b->bar && a->off < b->off + b->size && b->off < a->off + a->size;
}

int pci_function_check(const struct pci_function *f, struct pci_verdict *v)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct machine_bar *b = &f->bars.bar[i];

		if (!b->size || b->io || b->base)
			continue;
		return pci_fail(v, ERR_INVAL, "the firmware gave its BAR %u (%lu KiB) no address",
				i, b->size >> 10);
	}
	if (!f->at.msix)
		return OK;
	if (!structure_fits(f, &f->msix_table) || !structure_fits(f, &f->msix_pba))
		return pci_fail(v, ERR_CORRUPT, "its MSI-X table or PBA lies outside its BARs");
	if (structures_overlap(&f->msix_table, &f->msix_pba))
		return pci_fail(v, ERR_CORRUPT, "its MSI-X table and PBA overlap");
	return OK;
}

int pci_function_read(struct pci_function *f, struct pci_verdict *v)
{
	struct pci_identity again;
	u32 bad, header;
	int err;

	*v = (struct pci_verdict){0};
	header = pci_read(f, PCI_HEADER_TYPE, 1);
	if (header == 0xff || (!f->is_vf && pci_read(f, PCI_VENDOR, 2) == 0xffff))
		return pci_fail(v, ERR_NOENT, "nobody answers there");
	f->header_type = header & ~PCI_HEADER_MULTI & 0x7f;
	f->extended = pci_read(f, PCI_STANDARD_SIZE, 4) != ~0u;
	pci_caps_read(&f->caps, read_port, &f->bdf,
		      f->extended ? PCI_CONFIG_SIZE : PCI_STANDARD_SIZE);
	find_known(f);
	find_interrupts(f);
	if (pci_identity_read(f, &f->id))
		return pci_fail(v, ERR_IO, "its ids read all ones or zero");
	if (f->is_vf)
		return OK;
	err = pci_bars_size(f->bdf, f->header_type, &f->bars, &bad);
	if (err == ERR_IO)
		return pci_fail(v, err, "a BAR does not take its old value back after sizing");
	if (err)
		return pci_fail(
		    v, err, "BAR %u is not a power of two in size, or not where its size allows",
		    bad);
	/* what was read counts only if the same device still answers */
	if (pci_identity_read(f, &again) || !pci_identity_equal(&again, &f->id))
		return pci_fail(v, ERR_IO, "it stopped to answer while it was read");
	if (f->header_type)
		return OK;
	return pci_function_check(f, v);
}

int pci_window_map(struct pci_function *f, u8 bar, u64 off, u64 size, struct mmio *out)
{
	const struct machine_bar *b = &f->bars.bar[bar];
	struct pci_window *w;
	int err;

	if (bar >= PCI_BARS || b->io || off > b->size || size > b->size - off)
		return ERR_RANGE;
	for (u32 i = 0; i < f->nwindows; i++) {
		w = &f->window[i];
		if (w->bar == bar && w->off == off && w->size == size) {
			*out = w->mmio;
			return OK;
		}
	}
	if (f->nwindows == PCI_WINDOWS)
		return ERR_NOMEM;
	w = &f->window[f->nwindows];
	*w = (struct pci_window){.bar = bar, .off = off, .size = size};
	err = port_mmio_map(PADDR(b->base + off), size, &w->mmio);
	if (err)
		return err;
	f->nwindows++;
	*out = w->mmio;
	return OK;
}

void pci_function_facts(const struct pci_function *f, struct machine_function *out)
{
	out->vendor = f->id.vendor;
	out->device = f->id.device;
	out->subvendor = f->id.subvendor;
	out->subdevice = f->id.subdevice;
	out->class_code = f->id.class_code;
	out->serial = f->id.serial;
	out->header_type = f->header_type;
	out->resets = f->resets & ~f->reset_refused;
	out->msi = f->at.msi != 0;
	out->msix_vectors = f->msix_vectors;
	out->ats = f->at.ats != 0;
	out->vfs = pci_sriov_most(f);
	out->is_vf = f->is_vf;
	for (u32 i = 0; i < PCI_BARS; i++)
		out->bar[i] = f->bars.bar[i];
	out->rom_size = f->bars.bar[PCI_ROM_BAR].size;
}
