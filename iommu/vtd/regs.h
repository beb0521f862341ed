/* Registers, table entries and descriptors of VT-d 4.1, as named there. Private to iommu/vtd. */
#pragma once

#include "core/base/types.h"

#define BIT(n)	       (1ull << (n))
#define FIELD(hi, lo)  (~0ull >> (63 - (hi)) & ~0ull << (lo))
#define GET(v, hi, lo) (((v)&FIELD(hi, lo)) >> (lo))
#define PAGE_MASK      FIELD(51, 12)

/* ---- registers (§11.4) ---------------------------------------------------------------------- */

#define REG_VER	    0x00
#define REG_CAP	    0x08
#define REG_ECAP    0x10
#define REG_GCMD    0x18
#define REG_GSTS    0x1c
#define REG_RTADDR  0x20
#define REG_FSTS    0x34
#define REG_FECTL   0x38
#define REG_FEDATA  0x3c
#define REG_FEADDR  0x40
#define REG_FEUADDR 0x44
#define REG_PMEN    0x64
#define REG_IQH	    0x80
#define REG_IQT	    0x88
#define REG_IQA	    0x90
#define REG_IQERCD  0xb0
#define REG_IRTA    0xb8
#define REG_MIN	    0x1000u /* bytes every unit has */

/* Capabilities (§11.4.2) */
#define CAP_ND(c)    GET(c, 2, 0)
#define CAP_RWBF     BIT(4)
#define CAP_PLMR     BIT(5)
#define CAP_PHMR     BIT(6)
#define CAP_CM	     BIT(7)
#define CAP_SAGAW(c) GET(c, 12, 8)
#define CAP_MGAW(c)  GET(c, 21, 16)
#define CAP_FRO(c)   (GET(c, 33, 24) * 16)
#define CAP_SSLPS(c) GET(c, 37, 34)
#define CAP_PSI	     BIT(39)
#define CAP_NFR(c)   (GET(c, 47, 40) + 1)
#define CAP_MAMV(c)  GET(c, 53, 48)
#define CAP_DWD	     BIT(54)
#define CAP_DRD	     BIT(55)

/* Extended capabilities (§11.4.3) */
#define ECAP_C	     BIT(0)
#define ECAP_QI	     BIT(1)
#define ECAP_DT	     BIT(2)
#define ECAP_IR	     BIT(3)
#define ECAP_EIM     BIT(4)
#define ECAP_SC	     BIT(7)
#define ECAP_MHMV(e) GET(e, 23, 20)
#define ECAP_DIT     BIT(41)
#define ECAP_SMTS    BIT(43)
#define ECAP_SSTS    BIT(46)
#define ECAP_SMPWCS  BIT(48)

/* Global command and status (§11.4.4): the command that sets a bit and the status that tells. */
#define GCMD_TE	      BIT(31)
#define GCMD_SRTP     BIT(30)
#define GCMD_EAFL     BIT(28)
#define GCMD_WBF      BIT(27)
#define GCMD_QIE      BIT(26)
#define GCMD_IRE      BIT(25)
#define GCMD_SIRTP    BIT(24)
#define GCMD_CFI      BIT(23)
#define GCMD_ONE_SHOT (GCMD_SRTP | BIT(29) | GCMD_WBF | GCMD_SIRTP)

#define RTADDR_TTM	    FIELD(11, 10)
#define RTADDR_TTM_SCALABLE BIT(10)

/* Fault status (§11.4.9), fault event control */
#define FSTS_PFO    BIT(0)
#define FSTS_PPF    BIT(1)
#define FSTS_IQE    BIT(4)
#define FSTS_ICE    BIT(5)
#define FSTS_ITE    BIT(6)
#define FSTS_FRI(s) GET(s, 15, 8)
#define FSTS_ERRORS (FSTS_IQE | FSTS_ICE | FSTS_ITE)
#define FECTL_IM    BIT(31)

#define PMEN_EPM BIT(31)
#define PMEN_PRS BIT(0)

#define IQA_DW		 BIT(11) /* descriptors of 256 bits */
#define IQERCD_IQEI(r)	 GET(r, 3, 0)
#define IQERCD_ITESID(r) GET(r, 47, 32)
#define IQERCD_ICESID(r) GET(r, 63, 48)
#define IRTA_EIME	 BIT(11)

/* Fault recording register, 16 bytes (§11.4.14) */
#define FRCD_HI	      8
#define FRCD_TOP      12 /* its last 4 bytes, with F */
#define FRCD_TOP_F    BIT(31)
#define FRCD_F	      BIT(63)
#define FRCD_READ     BIT(62)
#define FRCD_FR(hi)   GET(hi, 39, 32)
#define FRCD_SID(hi)  GET(hi, 15, 0)
#define FRCD_INDEX(l) GET(l, 63, 48)

/* ---- table entries (ch. 9) ------------------------------------------------------------------ */

#define ENTRY_P	  BIT(0)
#define ENTRY_FPD BIT(1) /* no fault records; counts in absent entries too (§9.3) */

/* Context entry (§9.3): low and high half */
#define CONTEXT_TT_DEVICE_TLB	BIT(2)
#define CONTEXT_AW(levels)	((u64)(levels)-2)
#define CONTEXT_DID(did)	((u64)(did) << 8)
#define CONTEXT_HI_DID(hi)	((u16)GET(hi, 23, 8))
/* Scalable-mode context entry, 32 bytes (§9.4), and PASID entry, 64 bytes (§9.6) */
#define SM_CONTEXT_DTE		BIT(2)
#define PASID_AW(levels)	(((u64)(levels)-2) << 2)
#define PASID_PGTT_SECOND_STAGE (2ull << 6)
#define PASID_PWSNP		BIT(23)

/* Interrupt-remapping entry (§9.10) */
#define IRTE_P	       BIT(0)
#define IRTE_TM_LEVEL  BIT(4)
#define IRTE_VECTOR(v) ((u64)(v) << 16)
#define IRTE_DST(d)    ((u64)(d) << 32)
#define IRTE_SQ(bits)  ((u64)(bits) << 16)
#define IRTE_SVT_RID   (1ull << 18)
#define IRTE_SVT_BUSES (2ull << 18)
#define IRTE_GET_V(lo) GET(lo, 23, 16)

/* ---- invalidation descriptors (§6.5.2) ------------------------------------------------------ */

#define INV_CONTEXT    1ull
#define INV_IOTLB      2ull
#define INV_DEVICE_TLB 3ull
#define INV_IEC	       4ull
#define INV_WAIT       5ull
#define INV_PASID      7ull

#define INV_TYPE(lo) GET(lo, 3, 0)
#define INV_DID(did) ((u64)(did) << 16)
#define INV_SID(sid) ((u64)(sid) << 32)

#define INV_GLOBAL	 (1ull << 4)
#define INV_DOMAIN	 (2ull << 4)
#define INV_SELECTIVE	 (3ull << 4) /* one requester, or pages */
#define INV_PASID_GLOBAL (3ull << 4)
#define INV_IOTLB_DW	 BIT(6)
#define INV_IOTLB_DR	 BIT(7)
#define INV_IOTLB_IH	 BIT(6) /* high half: only leaves changed */
#define INV_IEC_INDEX	 BIT(4)
#define INV_IEC_IM(m)	 ((u64)(m) << 27)
#define INV_IEC_IIDX(i)	 ((u64)(i) << 32)
#define INV_WAIT_SW	 BIT(5)
#define INV_WAIT_FN	 BIT(6)
#define INV_WAIT_DATA(d) ((u64)(d) << 32)
#define INV_TLB_MIP(n)	 ((u64)((n)&31) << 16)
#define INV_TLB_PFSID(s) (((u64)(s)&0xf) << 12 | ((u64)(s) >> 4) << 52)
#define INV_TLB_S	 BIT(0)
