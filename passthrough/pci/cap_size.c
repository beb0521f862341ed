/* How long each capability is, by its manual and its own fields. */
#include "passthrough/pci/caps.h"

typedef u16 (*size_fn)(pci_read_fn read, const void *ctx, u16 off);

struct size_row {
	u16 id;
	u16 size; /* fixed, or 0: ask fn */
	size_fn fn;
};

static u16 msi_size(pci_read_fn read, const void *ctx, u16 off)
{
	u32 control = read(ctx, (u16)(off + PCI_MSI_CONTROL), 2);

	return (u16)((control & PCI_MSI_64 ? 16 : 12) + (control & PCI_MSI_MASKING ? 8 : 0));
}

/* §7.5.3: version 1 ends after what its port type has; version 2 has all registers. */
static u16 express_size(pci_read_fn read, const void *ctx, u16 off)
{
	u32 flags = read(ctx, (u16)(off + PCI_EXP_FLAGS), 2);

	if ((flags & PCI_EXP_VERSION) >= 2)
		return 60;
	switch ((flags & PCI_EXP_TYPE) >> 4) {
	case PCI_EXP_TYPE_INTEGRATED:
		return 12;
	case PCI_EXP_TYPE_ENDPOINT:
	case PCI_EXP_TYPE_LEGACY:
		return 20;
	default:
		return 36;
	}
}

/* The third byte is the length (PCI 3.0 §6.7, appendix H). */
static u16 vendor_size(pci_read_fn read, const void *ctx, u16 off)
{
	u32 n = read(ctx, (u16)(off + 2), 1);

	return n < 4 ? 4 : (u16)align_up(n, 4);
}

static u16 pcix_size(pci_read_fn read, const void *ctx, u16 off)
{
	return read(ctx, (u16)(off + 2), 2) & 0x3000 ? 24 : 8;
}

/* VSEC length: bits 31:20 of the second dword (§7.9.5.2, §7.9.6.2). */
static u16 ext_vendor_size(pci_read_fn read, const void *ctx, u16 off)
{
	u32 n = off + 8u <= PCI_CONFIG_SIZE ? read(ctx, (u16)(off + 4), 4) >> 20 : 0;

	return n < 8 ? 8 : (u16)align_up(n, 4);
}

static u16 rebar_size(pci_read_fn read, const void *ctx, u16 off)
{
	u32 n = off + 12u <= PCI_CONFIG_SIZE
		    ? (read(ctx, (u16)(off + PCI_REBAR_CONTROL), 4) & PCI_REBAR_CONTROL_COUNT) >> 5
		    : 1;

	return (u16)(4 + 8 * (n < 1 ? 1 : n > 6 ? 6 : n));
}

static const struct size_row standard[] = {
    {PCI_CAP_PM, 8, NULL},
    {PCI_CAP_VPD, 8, NULL},
    {PCI_CAP_MSI, 0, msi_size},
    {PCI_CAP_PCIX, 0, pcix_size},
    {PCI_CAP_VENDOR, 0, vendor_size},
    {PCI_CAP_SUBSYSTEM, 8, NULL},
    {PCI_CAP_EXPRESS, 0, express_size},
    {PCI_CAP_MSIX, PCI_MSIX_LENGTH, NULL},
    {PCI_CAP_SATA, 8, NULL},
    {PCI_CAP_AF, 8, NULL},
};

static const struct size_row extended[] = {
    {PCI_EXT_AER, 0x2c, NULL},
    {PCI_EXT_SERIAL, 12, NULL},
    {PCI_EXT_POWER, 16, NULL},
    {PCI_EXT_ACS, 8, NULL},
    {PCI_EXT_ARI, 8, NULL},
    {PCI_EXT_ATS, 8, NULL},
    {PCI_EXT_SRIOV, 0x40, NULL},
    {PCI_EXT_PRI, 16, NULL},
    {PCI_EXT_REBAR, 0, rebar_size},
    {PCI_EXT_LTR, 8, NULL},
    {PCI_EXT_PASID, 8, NULL},
    {PCI_EXT_DVSEC, 0, ext_vendor_size},
    {PCI_EXT_VENDOR, 0, ext_vendor_size},
    {PCI_EXT_VF_REBAR, 0, rebar_size},
};

static u16 look(const struct size_row *row, u32 n, pci_read_fn read, const void *ctx, u16 off,
		u16 id)
{
	for (u32 i = 0; i < n; i++)
		if (row[i].id == id)
			return row[i].fn ? row[i].fn(read, ctx, off) : row[i].size;
	return 4;
}

u16 pci_cap_size(pci_read_fn read, const void *ctx, u16 off, u16 id)
{
	return look(standard, ARRAY_SIZE(standard), read, ctx, off, id);
}

u16 pci_ext_cap_size(pci_read_fn read, const void *ctx, u16 off, u16 id)
{
	return look(extended, ARRAY_SIZE(extended), read, ctx, off, id);
}
