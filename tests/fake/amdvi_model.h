/* Inside the AMD IOMMU model: registers (amdvi.c) and translation (amdvi_walk.c) share this. */
#pragma once

#include "tests/fake/amdvi.h"
#include "tests/fake/view.h"

#define MODEL_RIDS     65536u
#define MODEL_WAYS     8u
#define MODEL_TLB      1024u
#define MODEL_IRTES    1024u
#define MODEL_SHADOWS  16384u
#define MODEL_PATIENCE 5000000u /* polling steps without a command done: a hang */
#define MODEL_LOG      4096u

/* Register offsets (48882 §3.4). */
enum {
	R_DEVTAB = 0x00,
	R_CMDBASE = 0x08,
	R_EVTBASE = 0x10,
	R_CONTROL = 0x18,
	R_EXBASE = 0x20,
	R_EXLIMIT = 0x28,
	R_FEATURES = 0x30,
	R_PPRBASE = 0x38,
	R_SMI_FILTER = 0x60, /* two of them */
	R_XT_GENERAL = 0x170,
	R_XT_PPR = 0x178,
	R_XT_GA = 0x180,
	R_CMDHEAD = 0x2000,
	R_CMDTAIL = 0x2008,
	R_EVTHEAD = 0x2010,
	R_EVTTAIL = 0x2018,
	R_STATUS = 0x2020,
	R_END = 0x4000,
};

#define C_IOMMU_EN  (1ull << 0)
#define C_EVTLOG_EN (1ull << 2)
#define C_EVTINT_EN (1ull << 3)
#define C_COHERENT  (1ull << 10)
#define C_CMDBUF_EN (1ull << 12)
#define C_GA_EN	    (1ull << 17)
#define C_XT_EN	    (1ull << 50)
#define C_INTCAPXT  (1ull << 51)
#define C_SMIF	    (1ull << 22)
#define C_SMIF_LOG  (1ull << 24)
#define C_KNOWN                                                                             \
	(0x3ffull | C_COHERENT | 1ull << 11 | C_CMDBUF_EN | C_GA_EN | C_SMIF | C_SMIF_LOG | \
	 C_XT_EN | C_INTCAPXT)

#define S_OVERFLOW 1u
#define S_EVTINT   2u
#define S_WAITINT  4u
#define S_EVTRUN   8u
#define S_CMDRUN   16u
#define S_W1C	   (S_OVERFLOW | S_EVTINT | S_WAITINT)

#define EVENT_ILLEGAL_DTE     1u
#define EVENT_PAGE_FAULT      2u
#define EVENT_ILLEGAL_COMMAND 5u
#define EVENT_COMMAND_ERROR   6u
#define EVENT_IOTLB_TIMEOUT   7u
#define EVENT_INVALID_REQUEST 8u
/* Flags of an event, bits 27:16 of its second doubleword. */
#define F_I		      (1u << 3)
#define F_PR		      (1u << 4)
#define F_RW		      (1u << 5)
#define F_PE		      (1u << 6)
#define F_RZ		      (1u << 7)
#define F_TR		      (1u << 8)

struct model_dte {
	bool cached;
	u64 q[4];
};

/* A translation, or the absence of one. */
struct model_tlb {
	bool used, present, readable, writable;
	u16 domain;
	u8 bits; /* log2 of its size */
	u64 iova, pa;
};

/* A non-leaf entry: where the table of `level` for this part of the domain lies. */
struct model_pde {
	bool used, readable, writable;
	u16 domain;
	u8 level;
	u64 iova, table;
};

struct model_irte {
	bool used;
	u16 rid, index;
	u64 q[2];
};

/* What the entries of one domain that the unit has cached say of its page table. */
struct model_domain {
	u64 root; /* with the mode in its low bits */
	u32 users;
};

struct model_shadow_irte {
	u64 address; /* 0: free */
	u64 q[2];
};

struct model_ats {
	bool used;
	u16 rid;
	u64 iova, pa;
	bool writable;
};

struct amdvi_model {
	struct amdvi_model_config config;
	u64 devtab, cmdbase, evtbase, control, exbase, exlimit, xt[3], smi[2];
	bool head_unknown; /* after a command error */
	u32 cmdhead, cmdtail, evthead, evttail, status;
	u32 msi_address[2], msi_data;
	u16 msi_control;

	u32 delay_left, idle, stopping;
	u8 break_event;
	u32 break_after, break_times;
	bool unordered; /* since the last completion */
	u64 ncommands, count[16];
	struct amdvi_model_command log[MODEL_LOG];

	bool event_pending; /* late_events: q is not in memory yet */
	u64 event_q[2], event_at;
	u32 interrupts;
	struct amdvi_model_irq last_interrupt;

	struct model_dte *dte; /* by rid */
	u64 (*shadow)[4];      /* device table as the last legal writer left it */
	struct model_domain *domain;
	struct model_shadow_irte *irte_shadow; /* 128-bit interrupt entries as last exchanged */
	struct model_tlb tlb[MODEL_TLB];
	struct model_pde pde[MODEL_TLB];
	struct model_irte irte[MODEL_IRTES];
	u32 ntlb, npde, nirte; /* in use */
	u32 victim;

	struct fake_watch watch;
	struct amdvi_model *next;
};

/* RAM as the unit sees it: it snoops, so what was stored before the last barrier. */
void model_load(u64 at, void *dst, size_t n);
void model_store(u64 at, const void *src, size_t n);

void model_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
void model_event(struct amdvi_model *m, u8 code, u16 rid, u16 domain, u32 flags, u64 address);
bool model_enabled(const struct amdvi_model *m);
bool model_muted(u16 rid);
bool model_ats_enabled(struct amdvi_model *m, u16 rid);
struct amdvi_model *model_of(struct bdf function);
void model_reset_devices(void);

/* Caches, as the invalidation commands drop them. */
void model_drop_dte(struct amdvi_model *m, u16 rid);
void model_drop_pages(struct amdvi_model *m, u16 domain, u64 lo, u64 hi, bool tables);
void model_drop_interrupts(struct amdvi_model *m, u16 rid);
void model_drop_iotlb(struct amdvi_model *m, u16 rid, u64 lo, u64 hi);
void model_drop_all(struct amdvi_model *m);

/* The table became the unit's, or its base moved: what lies there now is how it may read it. */
void model_adopt_table(struct amdvi_model *m);
void model_load_shadow(struct amdvi_model *m);
void model_saw_exchange(struct amdvi_model *m, volatile u128 *p, u128 new);
