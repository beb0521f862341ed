/*
 * What of each CPUID leaf a guest sees: APM vol. 3 app. E, SDM vol. 2 "CPUID". A bit that is in no
 * mask is hidden. Hidden on purpose, with the reason:
 *
 *   VMX, SVM, SMX, SKINIT    no nested virtualization, no measured launch by guests
 *   performance counters, PT, LBR, DS, IBS, debug store   not saved between guests
 *   SGX, TME, SEV, PCONFIG, key locker, PPIN   state of the machine, not of a guest
 *   CET, PKS, UINTR, AMX, XFD, LAM, UAI   state or addresses nothing here switches or walks yet
 *   power and thermal control, RDT/QoS, RDPRU, WAITPKG   belong to the hypervisor
 *   INVLPGB, MCOMMIT, WBNOINVD, ENQCMD   reach beyond the guest or are intercepted anyway
 *   TSC_ADJUST   writes of the TSC are dropped, so nothing needs adjusting
 *   machine check details, OSVW, microcode   the hypervisor handles them
 */
#include "core/vcpu/cpuid_policy.h"
#include "core/vcpu/cpuid.h"

#define ALL	      0xffffffffu
#define BIT(n)	      (1u << (n))
#define UP_TO(hi, lo) ((0xffffffffu >> (31 - (hi))) & ~((1u << (lo)) - 1))

/*
 * Leaf 1 EDX and its copy in 80000001h: without thermal control (22, 29), debug store (21), serial
 * number (18), PBE (31). HTT (28) is rebuilt. APIC and MTRR are there whatever the host says.
 */
#define EDX_1	     (UP_TO(17, 0) & ~BIT(10))
#define EDX_1_ALWAYS (BIT(9) | BIT(12))

/* clang-format off */
const struct cpuid_rule cpuid_rules[] = {
	{.leaf = 0x0, .pass = {0, ALL, ALL, ALL}},
	{.leaf = 0x1,
	 /* EBX: brand index, CLFLUSH size; counts and APIC id are rebuilt. */
	 .pass = {ALL, UP_TO(15, 0),
		  /* SSE3 PCLMUL MONITOR SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 x2APIC MOVBE POPCNT
		   * TSC-deadline AES XSAVE AVX F16C RDRAND; OSXSAVE follows CR4. */
		  BIT(0) | BIT(1) | BIT(3) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) | BIT(20) |
		  BIT(22) | BIT(23) | BIT(24) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30),
		  EDX_1 | UP_TO(27, 23) | BIT(19)},
	 .set = {0, 0, BIT(31) /* a hypervisor */, EDX_1_ALWAYS}},
	{.leaf = 0x2, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x4, .kind = CPUID_CACHES, .pass = {UP_TO(9, 0), ALL, ALL, UP_TO(2, 0)}},
	{.leaf = 0x5, .pass = {UP_TO(15, 0), UP_TO(15, 0), UP_TO(1, 0), ALL}},
	{.leaf = 0x6, .pass = {BIT(2) /* the APIC timer always runs */}},
	{.leaf = 0x7, .sub = 0, .kind = CPUID_COUNTED,
	 .pass = {0, /* the last subleaf is counted */
		  /* FSGSBASE BMI1 HLE AVX2 FDP SMEP BMI2 ERMS INVPCID RTM FPU-CS AVX512F,DQ RDSEED ADX SMAP IFMA
		   * CLFLUSHOPT CLWB AVX512PF,ER,CD SHA AVX512BW,VL */
		  BIT(0) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(11) |
		  BIT(13) | UP_TO(21, 16) | BIT(23) | BIT(24) | UP_TO(31, 26),
		  /* PREFETCHWT1 VBMI UMIP PKU VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNTDQ LA57 RDPID CLDEMOTE
		   * MOVDIRI MOVDIR64B; OSPKE follows CR4. */
		  BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(6) | UP_TO(12, 8) | BIT(14) | BIT(16) | BIT(22) |
		  BIT(25) | BIT(27) | BIT(28),
		  /* 4VNNIW 4FMAPS FSRM VP2INTERSECT MD_CLEAR RTM-abort SERIALIZE TSXLDTRK FP16 IBRS STIBP
		   * L1D_FLUSH ARCH_CAPABILITIES SSBD */
		  BIT(2) | BIT(3) | BIT(4) | BIT(8) | BIT(10) | BIT(11) | BIT(14) | BIT(16) | BIT(23) |
		  BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(31)}},
	{.leaf = 0x7, .sub = 1, .kind = CPUID_COUNTED,
	 /* SHA512 SM3 SM4 AVX-VNNI BF16 CMPCCXADD FZRM FSRS FSRC AVX-IFMA */
	 .pass = {BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(5) | BIT(7) | BIT(10) | BIT(11) | BIT(12) | BIT(23), 0, 0,
		  /* AVX-VNNI-INT8 AVX-NE-CONVERT AVX-VNNI-INT16 PREFETCHI */
		  BIT(4) | BIT(5) | BIT(10) | BIT(14)}},
	{.leaf = 0x7, .sub = 2, .kind = CPUID_COUNTED,
	 .pass = {0, 0, 0, UP_TO(5, 0) /* bits of SPEC_CTRL, MCDT_NO */}},
	{.leaf = 0xb, .kind = CPUID_TOPOLOGY},
	{.leaf = 0xd, .kind = CPUID_XSAVE,
	 .pass = {UP_TO(3, 0) /* of subleaf 1: XSAVEOPT XSAVEC XGETBV(1) XSAVES */}},
	{.leaf = 0x15, .pass = {ALL, ALL, ALL}},
	{.leaf = 0x16, .pass = {UP_TO(15, 0), UP_TO(15, 0), UP_TO(15, 0)}},
	{.leaf = 0x1f, .kind = CPUID_TOPOLOGY},

	{.leaf = 0x80000000, .pass = {0, ALL, ALL, ALL}},
	{.leaf = 0x80000001,
	 .pass = {ALL, ALL,
		  /* LAHF CR8 ABM SSE4A misaligned-SSE PREFETCHW XOP FMA4 TCE TBM topology MONITORX */
		  BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) | BIT(16) | BIT(17) | BIT(21) |
		  BIT(22) | BIT(29),
		  /* SYSCALL NX MMXEXT FFXSR 1-GiB-pages RDTSCP LM 3DNow! */
		  EDX_1 | BIT(11) | BIT(20) | UP_TO(27, 22) | UP_TO(31, 29)}},
	{.leaf = 0x80000002, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x80000003, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x80000004, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x80000005, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x80000006, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x80000007}, /* invariant TSC when promised */
	{.leaf = 0x80000008,
	 .pass = {UP_TO(15, 0),
		  /* CLZERO XSaveErPtr IBPB IBRS STIBP and their always-on and preferred bits, SSBD,
		   * SSB_NO PSFD BTC_NO IBPB_RET */
		  BIT(0) | BIT(2) | BIT(12) | UP_TO(19, 14) | BIT(24) | BIT(26) | UP_TO(30, 28)}},
	{.leaf = 0x80000019, .pass = {ALL, ALL, ALL, ALL}},
	{.leaf = 0x8000001a, .pass = {ALL}},
	{.leaf = 0x8000001d, .kind = CPUID_CACHES, .pass = {UP_TO(9, 0), ALL, ALL, UP_TO(1, 0)}},
	{.leaf = 0x8000001e, .kind = CPUID_TOPOLOGY_AMD},
	{.leaf = 0x80000021,
	 /* breakpoints, FS and GS base, LFENCE, VERW, null selector, automatic IBRS, FSRS, FSRC, PREFETCHI, SBPB,
	  * IBPB by branch type, SRSO bits; TSA bits */
	 .pass = {BIT(0) | BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(8) | BIT(10) | BIT(11) | BIT(20) |
		  UP_TO(30, 27), 0, BIT(1) | BIT(2)}},
};

const struct cpuid_allows cpuid_cr4_bits[] = {
	{0, 1, 0, CPUID_EDX, 1}, /* VME */
	{1, 1, 0, CPUID_EDX, 1}, /* PVI */
	{2, 1, 0, CPUID_EDX, 4}, /* TSD: TSC */
	{3, 1, 0, CPUID_EDX, 2}, /* DE */
	{4, 1, 0, CPUID_EDX, 3}, /* PSE */
	{5, 1, 0, CPUID_EDX, 6}, /* PAE */
	{6, 1, 0, CPUID_EDX, 7}, /* MCE */
	{7, 1, 0, CPUID_EDX, 13}, /* PGE */
	{8, 1, 0, CPUID_EDX, 5}, /* PCE: RDPMC; goes with MSRs */
	{9, 1, 0, CPUID_EDX, 24}, /* OSFXSR */
	{10, 1, 0, CPUID_EDX, 25}, /* OSXMMEXCPT */
	{11, 7, 0, CPUID_ECX, 2}, /* UMIP */
	{12, 7, 0, CPUID_ECX, 16}, /* LA57 */
	{16, 7, 0, CPUID_EBX, 0}, /* FSGSBASE */
	{17, 1, 0, CPUID_ECX, 17}, /* PCIDE */
	{18, 1, 0, CPUID_ECX, 26}, /* OSXSAVE */
	{20, 7, 0, CPUID_EBX, 7}, /* SMEP */
	{21, 7, 0, CPUID_EBX, 20}, /* SMAP */
	{22, 7, 0, CPUID_ECX, 3}, /* PKE */
};

const struct cpuid_allows cpuid_efer_bits[] = {
	{0, 0x80000001, 0, CPUID_EDX, 11}, /* SCE */
	{8, 0x80000001, 0, CPUID_EDX, 29}, /* LME */
	{10, 0x80000001, 0, CPUID_EDX, 29}, /* LMA */
	{11, 0x80000001, 0, CPUID_EDX, 20}, /* NXE */
	{14, 0x80000001, 0, CPUID_EDX, 25}, /* FFXSR */
	{15, 0x80000001, 0, CPUID_ECX, 17}, /* TCE */
	{21, 0x80000021, 0, CPUID_EAX, 8}, /* AIBRSE */
};
/* clang-format on */

const u32 cpuid_nrules = ARRAY_SIZE(cpuid_rules);
const u32 cpuid_ncr4_bits = ARRAY_SIZE(cpuid_cr4_bits);
const u32 cpuid_nefer_bits = ARRAY_SIZE(cpuid_efer_bits);
