/* Inside the VT-d model: registers, caches, and what its files ask of each other. */
#pragma once

#include "tests/fake/view.h"
#include "tests/fake/vtd.h"

#define BIT(n) (1ull << (n))

static inline u64 bits(u64 v, unsigned hi, unsigned lo)
{
	return (v >> lo) & (hi - lo == 63 ? ~0ull : (1ull << (hi - lo + 1)) - 1);
}

/* GCMD and GSTS (§11.4.4) */
#define G_TE	  BIT(31)
#define G_RTP	  BIT(30)
#define G_FL	  BIT(29)
#define G_EAFL	  BIT(28)
#define G_WBF	  BIT(27)
#define G_QIE	  BIT(26)
#define G_IRE	  BIT(25)
#define G_IRTP	  BIT(24)
#define G_CFI	  BIT(23)
#define G_ONESHOT (G_RTP | G_FL | G_WBF | G_IRTP)
#define G_LASTING (G_TE | G_EAFL | G_QIE | G_IRE | G_CFI)

/* FSTS (§11.4.9) */
#define F_PFO BIT(0)
#define F_PPF BIT(1)
#define F_IQE BIT(4)
#define F_ICE BIT(5)
#define F_ITE BIT(6)

/* Fault reasons (§7.1.3) */
enum reason {
	R_ROOT_ABSENT = 0x1,
	R_CONTEXT_ABSENT = 0x2,
	R_CONTEXT_INVALID = 0x3,
	R_BEYOND_MGAW = 0x4,
	R_WRITE = 0x5,
	R_READ = 0x6,
	R_TABLE_ACCESS = 0x7,
	R_ROOT_ACCESS = 0x8,
	R_CONTEXT_ACCESS = 0x9,
	R_ROOT_RESERVED = 0xa,
	R_CONTEXT_RESERVED = 0xb,
	R_TABLE_RESERVED = 0xc,
	R_TRANSLATION_TYPE = 0xd,
	R_INTERRUPT_TARGET = 0xe,
	R_IRQ_RESERVED = 0x20,
	R_IRQ_INDEX = 0x21,
	R_IRQ_ABSENT = 0x22,
	R_IRQ_ACCESS = 0x23,
	R_IRTE_RESERVED = 0x24,
	R_IRQ_COMPAT = 0x25,
	R_IRQ_SOURCE = 0x26,
	R_MODE = 0x30,
	R_SM_ROOT_ABSENT = 0x39,
	R_SM_CONTEXT_ABSENT = 0x41,
	R_SM_CONTEXT_RESERVED = 0x42,
	R_PASID_DIR_ABSENT = 0x51,
	R_PASID_DIR_RESERVED = 0x52,
	R_PASID_ABSENT = 0x59,
	R_PASID_RESERVED = 0x5a,
	R_PASID_INVALID = 0x5b,
	R_SM_ABSENT = 0x79,
	R_SM_BEYOND = 0x84,
	R_SM_WRITE = 0x85,
	R_SM_READ = 0x86,
};

#define CONTEXTS 1024
#define TLB	 4096
#define PDES	 4096
#define IRTES	 4096
#define SLOW	 16
#define ATC	 256
#define ATS_DEVS 48
#define RECORDS	 256
#define PENDING	 64

/* What is cached of a requester: legacy context entry, or scalable one with its PASID entry. */
struct ctx {
	bool used, present, fpd;
	u16 rid, did;
	u8 reason; /* when not present: why */
	u8 type;   /* 0 second level, 1 with device TLB, 2 pass-through */
	u8 levels;
	u64 table;
	bool pasid; /* of the PASID cache rather than the context cache */
	u64 dir;    /* scalable: PASID directory */
	bool ats;
};

struct tlb {
	bool used, absent;
	u16 did;
	u64 base, size, out;
	bool r, w;
};

struct pde {
	bool used;
	u16 did;
	u8 level; /* level of the table it points to */
	u64 base, size, table;
	bool r, w;
};

struct irte {
	bool used;
	u32 index;
	u64 lo, hi;
};

struct slow {
	bool used;
	u16 did;
	u64 addr;
	bool write;
	bool *landed;
};

struct atc {
	u64 base, size, out;
	bool w;
};

struct ats_dev {
	u16 rid, pf;
	u8 depth;
	bool answers;
	u32 skip; /* of the next invalidations: no answer */
	u32 n;
	struct atc atc[ATC];
};

struct vtd_model {
	struct vtd_model_config config;
	struct vtd_model_counts counts;
	u32 violations;
	char first[160];

	/* registers */
	u32 gsts, fsts, fectl, fedata, feaddr, feuaddr, pmen, plmbase, plmlimit;
	u64 phmbase, phmlimit, rtaddr, irta, iqa, iqh, iqt, iqercd;
	struct {
		u64 lo, hi;
	} record[RECORDS];
	u32 next_record;

	/* what the last set-pointer operations latched */
	u64 root;
	u8 ttm;
	u64 irt;
	u32 irt_entries;
	bool eime;
	/* owed since then: global invalidations before the caches can be relied on */
	bool owe_context, owe_pasid, owe_iotlb, owe_iec;

	/* the command under way */
	u32 gcmd_pending, gcmd_value, gcmd_left;
	u32 pmen_left;

	/* the queue */
	u32 queue_left;
	bool queue_stopped, hung, unordered;
	u32 deaf; /* GCMD bits that never complete */
	u32 refuse_after, refuse_next;
	bool overlap_context, overlap_iotlb; /* since the last fence */
	u32 npending;			     /* device-TLB invalidations without an answer yet */
	u32 pending_left;
	struct {
		u16 rid;
		bool answers;
		u64 base, size;
	} pending[PENDING];
	bool waiting;
	u64 wait_addr;
	u32 wait_data;
	bool wait_status;

	/* caches */
	struct ctx ctx[CONTEXTS];
	struct tlb tlb[TLB];
	struct pde pde[PDES];
	struct irte irte[IRTES];
	u32 tlb_next, pde_next, irte_next, ctx_next;
	struct slow slow[SLOW];
	u32 nats;
	struct ats_dev ats[ATS_DEVS];
	bool in_step;
};

__attribute__((format(printf, 2, 3))) void vtdm_violate(struct vtd_model *m, const char *format,
							...);

static inline bool vtdm_cap(const struct vtd_model *m, u64 bit)
{
	return m->config.cap & bit;
}

static inline bool vtdm_ecap(const struct vtd_model *m, u64 bit)
{
	return m->config.ecap & bit;
}

/* Reads of tables, by the unit's coherency; false when there is no memory. */
bool vtdm_table_read(struct vtd_model *m, u64 pa, void *dst, size_t n);
/* Does the unit see [pa, pa + n) as it was written? True where there is no RAM. */
bool vtdm_settled(struct vtd_model *m, u64 pa, u64 n);
bool vtdm_paging_read(struct vtd_model *m, u64 pa, u64 *dst);
static inline bool vtdm_address_ok(const struct vtd_model *m, u64 pa)
{
	return !(pa >> m->config.haw);
}

/* Faults: `info` is the address (requests) or the entry's index << 48 (interrupts). */
void vtdm_fault(struct vtd_model *m, u16 rid, u8 reason, u64 info, bool write);
void vtdm_event(struct vtd_model *m, u32 status_bit);
void vtdm_fault_pending_update(struct vtd_model *m);

void vtdm_queue_step(struct vtd_model *m);
void vtdm_queue_tail(struct vtd_model *m, u64 v);
u32 vtdm_queue_entries(const struct vtd_model *m);
u32 vtdm_queue_width(const struct vtd_model *m);

/* Cache drops; every one is exact, never more than asked. */
void vtdm_drop_context(struct vtd_model *m, bool all, bool by_rid, u16 did, u16 rid, u8 fm);
void vtdm_drop_pasid(struct vtd_model *m, bool all, u16 did);
void vtdm_drop_tlb(struct vtd_model *m, bool all, u16 did, u64 base, u64 size, bool keep_tables);
void vtdm_drop_irte(struct vtd_model *m, bool all, u32 first, u32 count);
void vtdm_drop_atc(struct vtd_model *m, u16 rid, u64 base, u64 size);
void vtdm_drain(struct vtd_model *m, bool all, u16 did, u64 base, u64 size, bool reads,
		bool writes);
struct ats_dev *vtdm_ats(struct vtd_model *m, u16 rid);

/* The order of stores to our tables, told by the views. */
void vtdm_watch_store(void *model, paddr_t pa, u128 before, u128 after, bool atomic);
