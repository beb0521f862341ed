/*
 * A physical function as the hypervisor deals with it: who it is, what it has, how it is reset.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/types.h"
#include "core/partition/machine.h"
#include "core/port.h"
#include "passthrough/pci/bars.h"
#include "passthrough/pci/caps.h"
#include "passthrough/pci/saved.h"

/* What must be the same after a reset as before (all of it is read-only to software). */
struct pci_identity {
	u16 vendor, device, subvendor, subdevice;
	u32 class_code; /* 24 bits */
	u8 revision;
	u64 serial; /* Device Serial Number capability, 0: none */
};

/*
 * Offsets of what we use, 0: not there or cut short. Copied out of the lists, because a device
 * may show other lists later.
 */
struct pci_known {
	u16 pm, msi, msix, express, af;
	u16 aer, acs, ltr, rebar, sriov, ats, serial;
};

#define PCI_WINDOWS 8 /* the pieces of at most 6 BARs, two of them with MSI-X structures */

struct pci_function {
	struct bdf bdf;
	/* The bridge whose secondary bus it is on: what a bus reset goes through. */
	bool has_bridge;
	struct bdf bridge;
	bool is_vf;
	struct pci_function *pf; /* of a VF */
	u8 header_type;		 /* 0 or 1, without the multi-function bit */
	struct pci_identity id;
	struct pci_caps caps;
	struct pci_known at;
	struct pci_bars bars;
	/* MSI-X: 0 vectors where there is none. Read once: a device may tell otherwise later. */
	u32 msix_vectors;
	struct pci_structure {
		u8 bar;
		u64 off, size; /* bytes */
	} msix_table, msix_pba;
	bool msi_64, msi_masking;
	u8 msi_log2;   /* messages it can send by MSI, log2; only where at.msi */
	bool extended; /* extended space answers */

	u8 resets;	     /* enum reset_method bits that exist */
	u8 reset_worked;     /* the one that worked last, 0: none was tried */
	u8 reset_refused;    /* those that failed the verification once: not tried again */
	bool no_reset;	     /* quirk: it has none that works, whatever it says */
	u16 reset_settle_ms; /* quirk: longer than the manual's wait, 0: no */

	/*
	 * Functions on the same secondary bus that have the same owner, as a ring through all of them
	 * (NULL: alone). A bus reset takes them all, and waits until each is quiet.
	 */
	struct pci_function *next_on_bus;
	bool quiet; /* pci_quiesce() was the last that was done to it */
	bool fresh; /* reset, verified and restored since then */
	struct pci_saved saved;

	/* Pieces of BARs the hypervisor reaches itself; kept, so that no restart maps them again. */
	u32 nwindows;
	struct pci_window {
		u8 bar;
		u64 off, size;
		struct mmio mmio;
	} window[PCI_WINDOWS];
};

/* What is wrong with a function that cannot be used: `text` ends without '.'. */
struct pci_verdict {
	int err;
	char text[160];
};

/* Fill it in; returns err. */
int pci_fail(struct pci_verdict *v, int err, const char *format, ...) __printf(3, 4);

/*
 * Read everything but the resets by bus (which need the topology: pci_reset_find()) of the function
 * at f->bdf, the rest of *f being zero but for bridge, is_vf and pf. Sizes BARs, so nobody may use
 * the function; those of a VF come from its PF (sriov.h) and are left alone.
 *
 * ERR_NOENT: nobody answers. ERR_CORRUPT, ERR_IO: see v->text: it must not be assigned. A broken
 * capability list alone is no error: what is after the break is not used (f->caps.problems).
 */
__must_check int pci_function_read(struct pci_function *f, struct pci_verdict *v);

/* Read the ids now. ERR_IO: all ones. A VF has the vendor and device ids of its PF's capability. */
__must_check int pci_identity_read(const struct pci_function *f, struct pci_identity *out);
bool pci_identity_equal(const struct pci_identity *a, const struct pci_identity *b);

/*
 * Are MSI-X table and PBA inside the BARs, and has every BAR an address? ERR_CORRUPT, ERR_INVAL with
 * v->text. Part of pci_function_read(), but for VFs, whose BARs come later.
 */
__must_check int pci_function_check(const struct pci_function *f, struct pci_verdict *v);

/*
 * Registers of the function: [off, off + size) of a BAR, inside it. Mapped once, the same again for
 * the same piece. ERR_NOMEM, ERR_PERM as port_mmio_map(); ERR_RANGE: not inside the BAR.
 */
__must_check int pci_window_map(struct pci_function *f, u8 bar, u64 off, u64 size,
				struct mmio *out);

/* Copy what the proof needs to know into its own form; bdf, path and group are the caller's. */
void pci_function_facts(const struct pci_function *f, struct machine_function *out);

static inline u32 pci_read(const struct pci_function *f, u16 off, u8 width)
{
	return port_pci_read(f->bdf, off, width);
}

static inline void pci_write(const struct pci_function *f, u16 off, u8 width, u32 v)
{
	port_pci_write(f->bdf, off, width, v);
}
