/*
 * A VT-d remapping unit (VT-d 4.1) strict enough to catch what emulators hide. It sits behind a
 * register window of tests/fake/machine.h and reads its tables through tests/fake/view.h.
 *
 * Strict means:
 *  - root, context, PASID, paging-structure, IOTLB, interrupt-entry and device-TLB entries stay
 *    cached until a command of the right scope names them; nothing is dropped for any other reason
 *  - commands and queue entries complete late, one after `late` steps of time
 *  - a rule of the manual that software broke is noted as a violation, also where real hardware
 *    would have got away with it: see vtd_model_violations()
 *
 * Written from the manual on its own: it shares no constant with the driver.
 */
#pragma once

#include "core/base/types.h"

/* Capability register bits a test composes (§11.4.2). */
#define VTDM_ND_64K	  6ull /* 65536 domain ids; n: 2^(4+2n) */
#define VTDM_AFL	  (1ull << 3)
#define VTDM_RWBF	  (1ull << 4)
#define VTDM_PLMR	  (1ull << 5)
#define VTDM_PHMR	  (1ull << 6)
#define VTDM_CM		  (1ull << 7)
#define VTDM_SAGAW_39	  (1ull << 9)
#define VTDM_SAGAW_48	  (1ull << 10)
#define VTDM_MGAW(bits)	  ((u64)((bits)-1) << 16)
#define VTDM_FRO(off)	  ((u64)((off) / 16) << 24)
#define VTDM_2M		  (1ull << 34)
#define VTDM_1G		  (1ull << 35)
#define VTDM_PSI	  (1ull << 39)
#define VTDM_NFR(records) ((u64)((records)-1) << 40)
#define VTDM_MAMV(mask)	  ((u64)(mask) << 48)
#define VTDM_DWD	  (1ull << 54)
#define VTDM_DRD	  (1ull << 55)
#define VTDM_ESIRTPS	  (1ull << 62)
#define VTDM_ESRTPS	  (1ull << 63)

/* Extended capability register bits (§11.4.3). */
#define VTDM_C	       (1ull << 0)
#define VTDM_QI	       (1ull << 1)
#define VTDM_DT	       (1ull << 2)
#define VTDM_IR	       (1ull << 3)
#define VTDM_EIM       (1ull << 4)
#define VTDM_PT	       (1ull << 6)
#define VTDM_SC	       (1ull << 7)
#define VTDM_IRO(off)  ((u64)((off) / 16) << 8)
#define VTDM_MHMV(max) ((u64)(max) << 20)
#define VTDM_DIT       (1ull << 41)
#define VTDM_SMTS      (1ull << 43)
#define VTDM_SLTS      (1ull << 46)
#define VTDM_SMPWC     (1ull << 48)

#define VTDM_CAP_DESKTOP                                                                           \
	(VTDM_ND_64K | VTDM_PLMR | VTDM_PHMR | VTDM_SAGAW_39 | VTDM_SAGAW_48 | VTDM_MGAW(48) |     \
	 VTDM_FRO(0x400) | VTDM_2M | VTDM_1G | VTDM_PSI | VTDM_NFR(4) | VTDM_MAMV(18) | VTDM_DWD | \
	 VTDM_DRD)
#define VTDM_ECAP_DESKTOP                                                                        \
	(VTDM_C | VTDM_QI | VTDM_DT | VTDM_IR | VTDM_EIM | VTDM_PT | VTDM_SC | VTDM_IRO(0x500) | \
	 VTDM_MHMV(15))

struct vtd_model_config {
	paddr_t base; /* of its register window */
	u64 cap, ecap;
	u8 haw;			 /* host address width; 0: 46 */
	bool no_legacy;		 /* legacy translation is missing: RTADDR.TTM cannot be 0 */
	bool anonymous_timeouts; /* IQERCD does not say whose TLB timed out */
	bool restarts_records;	 /* goes on at the first record when all have been taken */
	u32 late;		 /* steps of time a command or queue entry takes; 0: done at once */
	u32 timeout;		 /* steps until a device that does not answer is given up; 0: 200 */
};

struct vtd_model;

/* The machine has been reset and its RAM added (fake_view_init). Free it before the next reset. */
struct vtd_model *vtd_model_new(const struct vtd_model_config *config);
void vtd_model_free(struct vtd_model *m);

#define VTD_MODEL_WINDOW 0x2000u

/* Rules software broke so far, and the first of them in words ("" when there is none). */
u32 vtd_model_violations(const struct vtd_model *m);
const char *vtd_model_first_violation(const struct vtd_model *m);

/* Let `steps` steps of time pass. */
void vtd_model_step(struct vtd_model *m, u32 steps);

/* ---- as a device ---------------------------------------------------------------------------- */

enum vtd_model_access { VTDM_READ, VTDM_WRITE };

/*
 * One untranslated request of requester `rid` at `addr`. True: let through, to *out. False:
 * blocked; the reason number (§7.1.3 table) is in *reason. `out` and `reason` may be NULL.
 */
bool vtd_model_dma(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
		   paddr_t *out, u8 *reason);

struct vtd_model_irq {
	u32 apic_id;
	u8 vector, delivery; /* delivery mode number */
	bool logical, level, remapped;
};

/* A DWORD write to the interrupt address range. As vtd_model_dma(). */
bool vtd_model_msi(struct vtd_model *m, u16 rid, u64 addr, u32 data, struct vtd_model_irq *out,
		   u8 *reason);

/*
 * Start a write that has been translated and waits in the root complex. It lands (sets *landed)
 * when an IOTLB invalidation that covers it with draining completes. False
 * when it is blocked at once.
 */
bool vtd_model_dma_slow(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
			bool *landed);

/*
 * Give `rid` a device TLB with an invalidate queue `depth` deep (1..32); pf: of a virtual function
 * its physical function, else rid itself.
 */
void vtd_model_ats_device(struct vtd_model *m, u16 rid, u16 pf, u8 depth, bool answers);
/* Of its next invalidations, those with a bit set (the lowest first) find no answer. */
void vtd_model_ats_skip(struct vtd_model *m, u16 rid, u32 which);
/* Translation request: fills the device's TLB. */
bool vtd_model_ats_translate(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
			     u8 *reason);
/* A translated request by what the device's TLB holds. False: TLB miss, or blocked. */
bool vtd_model_ats_dma(struct vtd_model *m, u16 rid, u64 addr, enum vtd_model_access access,
		       paddr_t *out);

/* ---- what happened -------------------------------------------------------------------------- */

struct vtd_model_counts {
	u64 context_global, context_domain, context_device, pasid, iotlb_global, iotlb_domain,
	    iotlb_page, pages, dev_tlb, iec_global, iec_index, wait, wraps, fault_events,
	    faults_lost, drains;
	u64 fsts_reads;
	u64 steps; /* page-table entries read */
	u32 fault_data;
	u64 fault_address;
};
const struct vtd_model_counts *vtd_model_counts(const struct vtd_model *m);

/* State a test looks at: global status, fault status, protected memory enable. */
u32 vtd_model_gsts(const struct vtd_model *m);
u32 vtd_model_fsts(const struct vtd_model *m);
u32 vtd_model_pmen(const struct vtd_model *m);

/* Flip bits of the queue entry in memory at the next `times` fetches: it is refused (IQE). */
void vtd_model_refuse(struct vtd_model *m, u32 times);
/* The same after `after` entries have passed. */
void vtd_model_refuse_after(struct vtd_model *m, u32 after, u32 times);
/* Record a fault of any reason; info is the address, or an interrupt's index << 48. */
void vtd_model_fault(struct vtd_model *m, u16 rid, u8 reason, u64 info, bool write);
/* `rid` answers an invalidation that nobody asked for (ICE). */
void vtd_model_stray_answer(struct vtd_model *m, u16 rid);
/* The unit stops taking queue entries, without an error: as broken hardware would. */
void vtd_model_hang(struct vtd_model *m);
/* Commands (GCMD, PMEN) written from now on never complete; or those to GCMD bits `which` only. */
void vtd_model_hang_commands(struct vtd_model *m);
void vtd_model_hang_command(struct vtd_model *m, u32 which);
/* A wait's status was stored and no barrier followed: nothing read since may be relied on. */
bool vtd_model_unordered(const struct vtd_model *m);
