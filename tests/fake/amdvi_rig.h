/*
 * A machine with AMD IOMMUs for tests of the driver: RAM with strict views, up to two units, a
 * hypervisor's pool and two workstations' pools, devices and domains, all driven through struct
 * iommu_ops alone.
 */
#pragma once

#include "iommu/amdvi/amdvi.h"
#include "tests/fake/amdvi.h"

#define RIG_RAM	    PADDR(MIB(256))
#define RIG_HV	    PADDR(MIB(256)) /* the device tables, one a segment, and the rings */
#define RIG_HV_SIZE MIB(7)
#define RIG_WS(n)   PADDR(MIB(263) + (n)*MIB(1))
#define RIG_WS_SIZE MIB(1)
#define RIG_SIZE    MIB(9)

/* Guests' memory: addresses only, devices reach it in the model and nobody stores there. */
#define RIG_GUEST(n) (GIB(4) + (n)*GIB(1))

#define RIG_FEATURES \
	(AMDVI_MODEL_XT | AMDVI_MODEL_IA | AMDVI_MODEL_GA | AMDVI_MODEL_SMIF | AMDVI_MODEL_HATS(4))

#define RIG_DEVICES 8
#define RIG_RIDS    4

struct rig {
	struct iommu iommu;
	struct iommu_unit unit[2];
	struct amdvi_model *model[2];
	struct iommu_device dev[RIG_DEVICES];
	u16 rids[RIG_DEVICES][RIG_RIDS];
	struct pool hv, ws[2];
	struct iommu_domain dom[2];
	u32 ndevices;
};

/* The configuration rig_start() uses for unit `n`: change it and pass it, or take it as it is. */
struct amdvi_model_config rig_config(u32 n);

/* Machine, units and pools; nothing probed yet. `second` NULL: one unit. Unit 0 has buses 0..63. */
void rig_init(struct rig *r, const struct amdvi_model_config *first,
	      const struct amdvi_model_config *second);
/* Through probe, take-over and enable of all units; fails the test when one does not succeed. */
void rig_enable(struct rig *r);
/* rig_init() of one unit as configured, then rig_enable(). */
void rig_start(struct rig *r, const struct amdvi_model_config *config);
/* A violation of the model's rules fails the test here. */
void rig_end(struct rig *r);

/* A device of unit `u` with requester id `rid` and `interrupts` vectors. */
struct iommu_device *rig_device(struct rig *r, u32 u, u16 rid, u16 interrupts);
/* An empty domain of workstation `n` with id `id`; 4 levels. */
struct iommu_domain *rig_domain(struct rig *r, u32 n, u16 id);
/* The domain's table and its pages are gone; it must have no device. */
void rig_domain_end(struct rig *r, struct iommu_domain *dom);

/* Attach and link as the common code does; fails the test unless it works. */
void rig_attach(struct rig *r, struct iommu_device *dev, struct iommu_domain *dom);
void rig_block(struct rig *r, struct iommu_device *dev);
/* Map, and unmap with the flush on every unit; fail the test unless it works. */
void rig_map(struct rig *r, struct iommu_domain *dom, u64 iova, u64 pa, u64 size, u32 attrs);
void rig_unmap(struct rig *r, struct iommu_domain *dom, u64 iova, u64 size);

/* A device's access: true when it reaches exactly `pa`; a wrong place fails the test. */
bool rig_reaches(struct iommu_device *dev, u64 iova, bool write, u64 pa);
/* An access that must be blocked. */
bool rig_blocked(struct iommu_device *dev, u64 iova, bool write);
struct bdf rig_bdf(const struct iommu_device *dev);
