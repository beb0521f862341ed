/*
 * Control registers, model registers and instructions at their edges: what must work, what must
 * raise #GP or #UD, what must not be there. Native peculiarities of the emulator are not counted:
 * such lines only hold a hypervisor to the manual.
 */
#include "lib/guest.h"

const char guest_name[] = "ctl";

#define EFER	 0xc0000080u
#define PAT	 0x277u
#define MTRR_CAP 0xfeu
#define MTRR_DEF 0x2ffu
#define VM_CR	 0xc0010114u
#define VM_HSAVE 0xc0010117u
#define GP	 TRAPPED(TRAP_GP, 0)
#define UD	 TRAPPED(TRAP_UD, 0)

/* One instruction without operands that matter; %rax, %rcx, %rdx are 0. */
#define RAISES(insn)                                                                           \
	({                                                                                     \
		SAFE_OUT(t_);                                                                  \
		asm volatile(SAFE(insn) : "=r"(t_) : "a"(0), "c"(0), "d"(0) : "memory", "cc"); \
		t_;                                                                            \
	})

static void check_svm(void)
{
	u32 r[4];
	u64 v, t;

	if (!machine.caprock)
		return;
	cpuid(0x80000001, 0, r);
	EXPECT(!(r[2] >> 2 & 1), "CPUID does not offer SVM");
	cpuid(1, 0, r);
	EXPECT(!(r[2] >> 5 & 1) && !(r[2] >> 6 & 1), "nor VMX and SMX");
	/* Beyond its highest leaf an Intel processor answers with the highest basic one. */
	cpuid(0x80000000, 0, r);
	if (r[0] >= 0x8000000a) {
		cpuid(0x8000000a, 0, r);
		EXPECT(!r[0] && !r[1] && !r[3], "and its leaf is empty");
	}
	EXPECT(!rdmsr_safe(EFER, &v) && !(v >> 12 & 1), "EFER.SVME is hidden (%#lx)", v);
	t = wrmsr_safe(EFER, v | 1 << 12);
	EXPECT(t == GP, "setting EFER.SVME raises #GP");
	EXPECT(RAISES("vmrun") == UD, "VMRUN raises #UD");
	EXPECT(RAISES("vmload") == UD, "VMLOAD raises #UD");
	EXPECT(RAISES("vmsave") == UD, "VMSAVE raises #UD");
	EXPECT(RAISES("vmmcall") == UD, "VMMCALL raises #UD");
	EXPECT(RAISES("clgi") == UD, "CLGI raises #UD");
	EXPECT(RAISES("stgi") == UD, "STGI raises #UD");
	EXPECT(RAISES("invlpga") == UD, "INVLPGA raises #UD");
	EXPECT(RAISES("skinit") == UD, "SKINIT raises #UD");
	EXPECT(RAISES(".byte 0x0f, 0x01, 0xc1") == UD, "VMCALL raises #UD");
	EXPECT(rdmsr_safe(VM_HSAVE, &v) == GP, "VM_HSAVE_PA does not exist");
	t = rdmsr_safe(VM_CR, &v);
	EXPECT(t == GP || (v & 0x10), "VM_CR does not exist or says that SVM is disabled");
}

static void check_xsetbv(void)
{
	u64 cr4 = read_cr4(), xcr0;
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 26 & 1)) {
		print("no XSAVE on this processor\n");
		return;
	}
	write_cr4_safe(cr4 & ~(1ull << 18));
	cpuid(1, 0, r);
	EXPECT(!(r[2] >> 27 & 1), "CPUID.OSXSAVE is off with CR4.OSXSAVE");
	EXPECT(xsetbv_safe(0, 1) == UD, "XSETBV without CR4.OSXSAVE raises #UD");
	EXPECT(!write_cr4_safe(cr4 | 1 << 18), "CR4.OSXSAVE can be set");
	cpuid(1, 0, r);
	EXPECT(r[2] >> 27 & 1, "CPUID.OSXSAVE follows");
	xcr0 = xgetbv(0);
	EXPECT(xcr0 & 1, "XCR0 has x87");
	EXPECT(!xsetbv_safe(0, 3) && xgetbv(0) == 3, "XCR0 = x87 + SSE");
	EXPECT(xsetbv_safe(0, 2) == GP, "XCR0 without x87 raises #GP");
	EXPECT(xsetbv_safe(0, 5) == GP, "AVX without SSE raises #GP");
	EXPECT(xsetbv_safe(0, ~0ull) == GP, "unknown bits raise #GP");
	EXPECT(xsetbv_safe(1, 1) == GP, "XCR1 raises #GP");
	cpuid(0xd, 0, r);
	if (r[0] & 4) {
		EXPECT(!xsetbv_safe(0, 7) && xgetbv(0) == 7, "XCR0 = x87 + SSE + AVX");
		cpuid(0xd, 0, r);
		EXPECT(r[1] >= 832, "CPUID.D gives the size of what is enabled (%u)", r[1]);
	}
	EXPECT(!xsetbv_safe(0, 1), "back to x87 alone");
	cpuid(0xd, 0, r);
	EXPECT(r[1] == 576, "and the size shrinks to 576 (%u)", r[1]);
	xsetbv_safe(0, xcr0);
	write_cr4_safe(cr4);
}

static void check_cr(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), cr3 = read_cr3();

	EXPECT(write_cr0_safe(cr0 | 1ull << 32) == GP || !machine.caprock, "CR0 bit 32 raises #GP");
	EXPECT(write_cr0_safe((cr0 | 1ull << 29) & ~(1ull << 30)) == GP || !machine.caprock,
	       "NW without CD raises #GP");
	EXPECT(!write_cr0_safe(cr0 ^ (1ull << 3)) && read_cr0() == (cr0 ^ (1ull << 3)),
	       "CR0.TS can be changed");
	EXPECT(!write_cr0_safe(cr0 | 1ull << 30), "CR0.CD can be set");
	EXPECT(!write_cr0_safe(cr0) && read_cr0() == cr0, "and taken back");
	EXPECT(!write_cr0_safe(cr0 & ~(1ull << 16)) && !(read_cr0() >> 16 & 1), "CR0.WP too");
	write_cr0_safe(cr0);
	if (machine.caprock) /* the bare emulator repeats this instruction for ever */
		EXPECT(write_cr4_safe(cr4 | 1ull << 63) == GP, "reserved bits of CR4 raise #GP");
	EXPECT(!write_cr4_safe(cr4 ^ (1ull << 6)), "CR4.MCE can be changed");
	/* That it reads as written cannot be shown here: QEMU 10 ignores the intercept of CR reads. */
	EXPECT(!write_cr4_safe(cr4 | 1ull << 7), "CR4.PGE can be set");
	EXPECT(!write_cr4_safe(cr4) && read_cr4() == cr4, "and CR4 restored");
	EXPECT(!write_cr3_safe(cr3), "CR3 can be written");
	EXPECT(!write_cr8_safe(5) && read_cr8() == 5 && apic_read(APIC_TPR) == 0x50, "CR8 is TPR");
	write_cr8_safe(0);
}

static void check_efer_pat(void)
{
	u64 efer = rdmsr(EFER), pat = rdmsr(PAT);

	EXPECT(!wrmsr_safe(EFER, efer | 1) && (rdmsr(EFER) & 1), "EFER.SCE can be set");
	EXPECT(!wrmsr_safe(EFER, efer & ~0x800ull) && !(rdmsr(EFER) & 0x800), "EFER.NXE cleared");
	wrmsr_safe(EFER, efer);
	if (machine.caprock) { /* the bare emulator takes anything here */
		EXPECT(wrmsr_safe(EFER, efer | 1 << 1) == GP, "a reserved bit of EFER raises #GP");
		EXPECT(wrmsr_safe(EFER, efer & ~0x100ull) == GP,
		       "clearing LME under paging raises #GP");
		EXPECT(rdmsr(EFER) == efer, "EFER is as it was (%#lx)", rdmsr(EFER));
	}
	EXPECT((pat & 0x0707070707070707) == pat, "PAT holds types (%#lx)", pat);
	EXPECT(!wrmsr_safe(PAT, 0x0007050100070406) && rdmsr(PAT) == 0x0007050100070406,
	       "PAT can be written, write-combining included");
	wrmsr_safe(PAT, pat);
}

static void check_mtrr(void)
{
	u64 cap, def, base, mask;
	u32 r[4];

	cpuid(1, 0, r);
	if (!EXPECT(r[3] >> 12 & 1, "CPUID offers MTRRs"))
		return;
	cap = rdmsr(MTRR_CAP);
	def = rdmsr(MTRR_DEF);
	EXPECT((cap & 0xff) >= 8 && (cap >> 8 & 1) && (cap >> 10 & 1),
	       "8 variable ranges, fixed ranges and write-combining (%#lx)", cap);
	if (machine.caprock)
		EXPECT(def >> 11 & 1, "MTRRs are enabled (%#lx)", def);
	base = rdmsr(0x200);
	mask = rdmsr(0x201);
	EXPECT(!wrmsr_safe(0x20e, 0xd0000001) && rdmsr(0x20e) == 0xd0000001,
	       "a variable range can be written");
	EXPECT(!wrmsr_safe(0x20f, 0xff0000800) && rdmsr(0x20f) == 0xff0000800, "and its mask");
	wrmsr_safe(0x20f, 0);
	wrmsr_safe(0x20e, 0);
	EXPECT(rdmsr(0x200) == base && rdmsr(0x201) == mask, "its neighbours are untouched");
	EXPECT(wrmsr_safe(0x20e, 2) == GP || !machine.caprock, "type 2 raises #GP");
	EXPECT(!wrmsr_safe(MTRR_DEF, def) && rdmsr(MTRR_DEF) == def, "the default type is kept");
	EXPECT(!wrmsr_safe(0x250, 0x0606060606060606), "fixed ranges can be written");
	EXPECT(wrmsr_safe(MTRR_CAP, cap) == GP || !machine.caprock, "MTRRCAP is read-only");
}

static void check_cache(void)
{
	volatile u64 probe = 0x1234;

	EXPECT(!RAISES("wbinvd"), "WBINVD is accepted");
	EXPECT(!RAISES("invd"), "INVD is accepted");
	EXPECT(probe == 0x1234, "and loses nothing");
}

static void check_msr(void)
{
	static const u32 wild[] = {
	    0x4, 0x12345, 0xbfffffff, 0xc0002000, 0xc0010000 + 0x1fff, 0xdeadbeef, 0xffffffff};
	u64 v, lstar = rdmsr(0xc0000082), tsc;

	for (u32 i = 0; i < ARRAY_SIZE(wild) && machine.caprock; i++) {
		EXPECT(rdmsr_safe(wild[i], &v) == GP, "reading %#x raises #GP", wild[i]);
		EXPECT(wrmsr_safe(wild[i], 0) == GP, "writing %#x raises #GP", wild[i]);
	}
	EXPECT(!wrmsr_safe(0xc0000082, 0xffffffff81000000) &&
		   rdmsr(0xc0000082) == 0xffffffff81000000,
	       "LSTAR keeps a canonical address");
	wrmsr_safe(0xc0000082, lstar);
	EXPECT(!wrmsr_safe(0xc0000103, 7) && rdmsr(0xc0000103) == 7, "TSC_AUX keeps a value");
	tsc = rdtsc();
	if (machine.caprock) {
		wrmsr_safe(0x10, 0);
		EXPECT(rdtsc() > tsc, "a write of the TSC does not turn it back");
	}
	EXPECT(!rdmsr_safe(0x8b, &v), "the microcode revision can be read");
	EXPECT(!rdmsr_safe(0x179, &v), "so can MCG_CAP");
}

/* Frequencies and topology as the hypervisor's leaves tell them. */
static void check_leaves(void)
{
	u32 r[4], threads = 0;

	if (!machine.caprock)
		return;
	cpuid(0x40000000, 0, r);
	EXPECT(r[0] >= 0x40000005, "the highest Hyper-V leaf is %#x", r[0]);
	cpuid(0x40000001, 0, r);
	EXPECT(r[0] == 0x31237648, "the interface is Hv#1");
	EXPECT(rdmsr(0x40000022) == tsc_hz && rdmsr(0x40000023) == apic_hz, "frequency registers");
	EXPECT(wrmsr_safe(0x40000022, 1) == GP, "which are read-only");
	cpuid(0, 0, r);
	if (r[0] >= 0xb) {
		for (u32 sub = 0; sub < 8; sub++) {
			cpuid(0xb, sub, r);
			if (!(r[2] >> 8 & 0xff))
				break;
			threads = r[1] & 0xffff;
			EXPECT(r[3] == cpus[0].apic_id, "leaf 0Bh level %u has our APIC id", sub);
		}
		EXPECT(threads == machine.ncpus, "leaf 0Bh counts %u cores (%u)", machine.ncpus,
		       threads);
	}
	cpuid(1, 0, r);
	EXPECT((r[1] >> 16 & 0xff) >= machine.ncpus || machine.ncpus == 1,
	       "leaf 1 counts at least as many (%u)", r[1] >> 16 & 0xff);
}

void guest_main(void)
{
	check_svm();
	check_leaves();
	check_xsetbv();
	check_cr();
	check_efer_pat();
	check_mtrr();
	check_cache();
	check_msr();
	EXPECT(!trap_unexpected, "no interrupt came unasked");
}
