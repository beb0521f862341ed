/*
 * A bare-metal program that drives the machine's IOMMUs with Caprock's own code and then attacks:
 * two emulated devices belong to workstation A, one to B, and A's try everything they should not.
 *
 *	port.c    core/port.h on this program's runtime
 *	survey.c  functions, tables, units, domains
 *	edu.c     QEMU's teaching device: a DMA engine that does as told, and MSI
 *	nvme.c    a real DMA device: commands, data and completions
 *	try.c     one attempt with its control, judged and printed
 *	main.c    the list
 */
#pragma once

#include "iommu/domain.h"
#include "iommu/fault.h"
#include "iommu/start.h"
#include "lib/guest.h"

/* ---- memory: who owns what, host-physical -------------------------------------------------------- */

#define HV_POOL	    MIB(64)
#define HV_POOL_MAX MIB(16)
#define GRANT_A	    MIB(80)
#define GRANT_B	    MIB(84)
#define GRANT_SIZE  MIB(4)
#define MEMORY_A    MIB(128)
#define MEMORY_B    MIB(256)
#define MEMORY_SIZE MIB(32)
#define RESERVED    MIB(320) /* what firmware would reserve for B's device */
#define NOBODYS	    MIB(400) /* RAM that was given to nobody */
#define HUGE_A	    GIB(4)   /* 1 GiB of A's, on a 1 GiB boundary */

/* A's device addresses. B maps its memory at 0 too. */
#define IOVA_A	   0ull
#define IOVA_SMALL MIB(40) /* A's second MiB again, by 4 KiB leaves */
#define IOVA_RO	   MIB(96) /* a read-only page */
#define IOVA_WO	   MIB(100)
#define IOVA_MOVE  MIB(104) /* what is mapped and unmapped under way */
#define IOVA_HUGE  GIB(2)
#define IOVA_HOLE  MIB(512)

/* ---- the machine --------------------------------------------------------------------------------- */

extern struct iommu iommu;
extern struct iommu_domain domain_a, domain_b;
extern bool intel;

/* Bring the units up, everything blocked; find the devices. Ends the program when it cannot. */
void survey(void);
/* The `nth` function with that vendor and device id. */
struct bdf find_function(u16 vendor, u16 device, u32 nth);
struct iommu_device *device_at(struct bdf bdf);
static inline struct pci_place place_of(struct bdf bdf)
{
	return (struct pci_place){bdf.bus, bdf.devfn};
}

/* ---- engines: what a device of A can be made to do ----------------------------------------------- */

struct engine {
	const char *name;
	struct bdf bdf;
	struct iommu_device *dev;
	/* While it is attached: what write() will leave begins with the 8 bytes returned. */
	u64 (*prepare)(u64 pattern);
	/* Make it write 512 bytes or more to `address`; back when it has tried. */
	void (*write)(u64 address);
	/* Make it read 512 bytes from `address` into itself. */
	void (*read)(u64 address);
	/* Make it write what it last read to `address` of its own memory. */
	void (*reveal)(u64 address);
	/* Make it work again after it was cut off. */
	void (*revive)(void);
};

extern struct engine edu_a, nvme_a;
extern struct engine edu_message;  /* A's edu again, writing by its MSI: write() only */
extern struct iommu_device *edu_b; /* the other workstation's */
/* B's edu reads and writes its own memory: nothing of A's doing has touched it. */
bool edu_b_works(void);
void edu_b_write(u64 address);

void edu_start(void);
void nvme_start(void);
/* Program A's edu's MSI capability, let it interrupt, let it write 4 bytes by DMA. */
void edu_set_msi(u64 address, u32 data);
void edu_interrupt(void);
void edu_write_message(u64 address, u32 data);

/* ---- attempts ------------------------------------------------------------------------------------ */

struct attempt {
	struct engine *engine;
	const char *what;		  /* "memory of another workstation" */
	u64 address;			  /* as the device says it */
	u64 at;				  /* memory that must stay as it is, or stay unread */
	void (*before)(struct engine *e); /* after the control: take the right away */
	void (*after)(struct engine *e);  /* give it back, so that the engine can be questioned */
	bool
	    quiet; /* no fault is to be expected: the access is let through elsewhere, or silenced */
};

/* The engine's control just before: the same kind of access to A's own memory, which must work. */
void try_write(const struct attempt *a);
void try_read(const struct attempt *a);
/* Before it was ever attached: `after` attaches it, and the controls follow at once. */
void try_unattached(const struct attempt *a);

struct forgery {
	const char *what;
	u64 address;
	u32 data;
	bool by_dma; /* a DMA write to that address, else the device's MSI */
	void (*before)(struct engine *e);
	void (*after)(struct engine *e);
	const char *unseen; /* the vehicle cannot show it: why, else NULL */
};

/* The control just before: the device's own message by the same way, which must arrive. */
void try_interrupt(const struct forgery *f);

/* The message of A's edu's own, living entry. */
extern struct iommu_message own_message;
#define OWN_VECTOR    0x61
#define OTHERS_VECTOR 0x71

/* Count every interrupt and NMI of every core from now on. */
void interrupts_start(void);
/* Interrupts so far but `vector`; NMIs count. */
u32 interrupts_but(u32 vector);
u32 interrupts_of(u32 vector);

void tell_totals(void);
