/*
 * One VT-d unit with devices and two workstations' domains, on the register model: the setting of
 * the driver's tests. Everything goes through vtd_ops and core/paging, as in the hypervisor.
 */
#pragma once

#include "iommu/vtd/vtd.h"
#include "tests/fake/vtd.h"

#define LAB_REGISTERS 0xfed90000ull
#define LAB_RAM	      0x100000000ull
#define LAB_WS	      KIB(128) /* each workstation's pool */
#define LAB_DEVICES   4
#define LAB_DOMAINS   2
#define LAB_BUSES     2 /* 00 and 01 have requesters */
#define LAB_RIDS      40

struct vtd_lab_config {
	const char *name;
	u64 cap, ecap;
	u8 haw;
	bool no_legacy;
	bool xapic; /* 8-bit interrupt destinations */
	bool anonymous_timeouts, restarts_records;
	u32 late;
	u8 levels; /* of the domains' tables; 0: 4 */
	u64 hv;	   /* bytes of the hypervisor's pool; 0: 128 KiB */
	u32 irqs;  /* entries wanted; 0: 40 */
};

struct vtd_lab {
	struct vtd_lab_config config;
	struct vtd_model *model;
	struct iommu iommu;
	struct iommu_unit unit;
	struct pool hv, ws[LAB_DOMAINS];
	struct iommu_device devices[LAB_DEVICES]; /* 00:02.0, 00:03.0, 01:00.0, and an I/O APIC */
	u16 rids[LAB_DEVICES][LAB_RIDS];
	struct iommu_domain domains[LAB_DOMAINS];
};

/* Machine, model, structures; nothing of the driver has run. */
void lab_build(struct vtd_lab *lab, const struct vtd_lab_config *config);
/* lab_build(), then probe, take_over and enable: each must succeed. Domains are empty. */
void lab_start(struct vtd_lab *lab, const struct vtd_lab_config *config);
/* Make the domains' tables; lab_start() does it. */
void lab_domains(struct vtd_lab *lab);
/* Fails the test when the driver broke a rule of the model. */
void lab_end(struct vtd_lab *lab);

/* The ops as the common code calls them, with the list of devices kept. */
int lab_attach(struct vtd_lab *lab, u32 dev, u32 dom);
int lab_block(struct vtd_lab *lab, u32 dev, bool silent);
int lab_map(struct vtd_lab *lab, u32 dom, u64 iova, u64 pa, u64 size, u32 attrs);
int lab_unmap(struct vtd_lab *lab, u32 dom, u64 iova, u64 size);
int lab_protect(struct vtd_lab *lab, u32 dom, u64 iova, u64 size, u32 attrs);

/* Where a request of the device lands; 0: blocked. No test memory is at 0. */
u64 lab_read(struct vtd_lab *lab, u32 dev, u64 iova);
u64 lab_write(struct vtd_lab *lab, u32 dev, u64 iova);
/* Take all fault records; the last one in *last unless NULL. */
u32 lab_faults(struct vtd_lab *lab, struct iommu_fault *last);

/* Units to run every scenario on; a NULL name ends the list. */
extern const struct vtd_lab_config lab_units[];
/* The first of them: a current desktop. */
#define LAB_DESKTOP (&lab_units[0])
