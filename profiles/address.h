/* How people name PCI functions. */
#pragma once

#include "core/partition/machine.h"

enum address_kind { ADDRESS_NONE, ADDRESS_BDF, ADDRESS_PATH };

/*
 * A bus address is what lspci prints, good until buses are renumbered; a path stays. Without a
 * function (01:00) it is the whole card.
 */
struct pci_address {
	enum address_kind kind;
	bool whole; /* all functions of the device */
	struct bdf bdf;
	struct pci_path path;
};

/* 0: any. */
struct pci_ids {
	bool given, sub_given;
	u16 vendor, device, subvendor, subdevice;
};

/*
 * 01:00.0, 0000:01:00.0, 01:00, 0000:01:00, pci_0000_01_00_0, pci-0000:01:00.0, and paths as
 * 0000:00/1c.0/00.0 or 0000:00/1c.0/00. False: none of these.
 */
bool address_parse(const char *text, struct pci_address *out);
/* vendor:device or vendor:device:subvendor:subdevice, four hexadecimal digits each. */
bool ids_parse(const char *text, struct pci_ids *out);
/* 04.0: device and function of one bus. */
bool slot_parse(const char *text, u8 *devfn);

struct address_text {
	char s[16 + 5 * PCI_PATH_MAX];
};
const char *address_text(struct address_text *t, const struct pci_address *a);
const char *address_bdf_text(struct address_text *t, struct bdf b);

/* Does the function stand where the address says? */
bool address_matches(const struct pci_address *a, struct bdf bdf, const struct pci_path *path);
