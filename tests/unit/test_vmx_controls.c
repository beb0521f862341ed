/* core/vmx/controls: what a processor's capability registers come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vmx/controls.h"
#include "core/vmx/vmcs.h"

/* Must-be-1 and may-be-1 halves of a capability register. */
#define CAP(must, may) ((u64)(may) << 32 | (must))

/* A Skylake server part's registers, as such machines print them. */
static const struct vmx_host skylake = {
    .vmx = true,
    .feature_control = FEATURE_LOCKED | FEATURE_VMXON,
    .proc = CAP(0x0401e172, 0xfff9fffe),
    .cap =
	{
	    [CAP_BASIC] = 0x00da040000000004 | BASIC_TRUE | BASIC_INS_OUTS,
	    [CAP_CR0_FIXED0] = 0x80000021,
	    [CAP_CR0_FIXED1] = 0xffffffff,
	    [CAP_CR4_FIXED0] = 0x2000,
	    [CAP_CR4_FIXED1] = 0x3767ff,
	    [CAP_PROC2] = CAP(0, 0x00553cfe),
	    [CAP_EPT_VPID] = 0x00000f0106734141,
	    [CAP_TRUE_PIN] = CAP(0x16, 0xff),
	    [CAP_TRUE_PROC] = CAP(0x04006172, 0xfff9fffe),
	    [CAP_TRUE_EXIT] = CAP(0x00036dfb, 0x03ffffff),
	    [CAP_TRUE_ENTRY] = CAP(0x000011fb, 0x0003ffff),
	},
};

static struct vmx_controls c;
static struct vmx_refusal no;

static void refuses(const struct vmx_host *h, const char *word)
{
	no = (struct vmx_refusal){0};
	assert_int_equal(vmx_controls_make(h, &c, &no), ERR_UNSUPPORTED);
	assert_non_null(no.why);
	assert_non_null(no.remedy);
	if (!strstr(no.why, word))
		fail_msg("'%s' does not speak of '%s'", no.why, word);
	assert_true(strlen(no.remedy) > 10);
}

static void clear_may(struct vmx_host *h, int cap, u32 bit)
{
	h->cap[cap] &= ~((u64)bit << 32);
}

static void a_processor_of_today(void **state)
{
	assert_int_equal(vmx_controls_make(&skylake, &c, &no), OK);
	assert_int_equal(c.pin, 0x16 | PIN_NMI_EXIT | PIN_VIRTUAL_NMIS);
	assert_int_equal(c.proc, 0x04006172u | PROC_RDPMC_EXIT | PROC_IO_EXIT | PROC_MSR_BITMAPS |
				     PROC_SECONDARY);
	assert_int_equal(c.proc2, PROC2_EPT | PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD_EXIT |
				      PROC2_UNRESTRICTED | PROC2_INVPCID | PROC2_XSAVES);
	assert_int_equal(c.exit, 0x00036dfbu | VMEXIT_SAVE_DEBUG | VMEXIT_64BIT | VMEXIT_SAVE_PAT |
				     VMEXIT_LOAD_PAT | VMEXIT_SAVE_EFER | VMEXIT_LOAD_EFER |
				     VMEXIT_HIDE_FROM_PT);
	assert_int_equal(c.entry, 0x000011fbu | VMENTRY_LOAD_DEBUG | VMENTRY_LOAD_PAT |
				      VMENTRY_LOAD_EFER | VMENTRY_HIDE_FROM_PT);
	/* External interrupts go past the hypervisor; HLT, MWAIT, CR3, INVLPG and DR too. */
	assert_int_equal(c.pin & 1, 0);
	assert_int_equal(c.proc & (1u << 7 | 1u << 9 | 1u << 10 | 1u << 15 | 1u << 16 | 1u << 23),
			 0);
	assert_int_equal(c.eptp_bits, 0x1e);
	assert_true(c.large_1g);
	assert_true(c.invept_single && c.invvpid_single);
	assert_int_equal(c.cr0_always, 0x20); /* NE; PE and PG are the guest's */
	assert_int_equal(c.cr4_always, 0x2000);
	assert_int_equal(c.cr0_never, ~0xffffffffull);
	assert_int_equal(c.cr4_never, ~0x3767ffull);
}

static void open_feature_control_is_no_obstacle(void **state)
{
	struct vmx_host h = skylake;

	h.feature_control = 0;
	assert_int_equal(vmx_controls_make(&h, &c, &no), OK);
	h.feature_control = FEATURE_VMXON;
	assert_int_equal(vmx_controls_make(&h, &c, &no), OK);
}

static void locked_off_by_the_firmware(void **state)
{
	struct vmx_host h = skylake;

	h.feature_control = FEATURE_LOCKED;
	refuses(&h, "locked by the firmware");
	assert_non_null(strstr(no.remedy, "Intel Virtualization Technology"));
	assert_non_null(strstr(no.remedy, "VT-x"));
	h.feature_control = FEATURE_LOCKED | 1 << 1; /* within SMX operation only */
	refuses(&h, "locked by the firmware");
}

static void generations_before(void **state)
{
	struct vmx_host none = {0}, h = skylake;

	refuses(&none, "no VMX");
	h.proc = CAP(0x0401e172, 0x7ff9fffe); /* before Penryn */
	refuses(&h, "no secondary controls");
	h = skylake;
	clear_may(&h, CAP_PROC2, PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED); /* Penryn */
	refuses(&h, "EPT");
	h = skylake;
	clear_may(&h, CAP_PROC2, PROC2_UNRESTRICTED); /* Nehalem */
	refuses(&h, "without unrestricted guests");
	h = skylake;
	h.cap[CAP_BASIC] &= ~BASIC_TRUE;
	refuses(&h, "true controls");
	h = skylake;
	h.cap[CAP_BASIC] &= ~BASIC_INS_OUTS;
	refuses(&h, "INS and OUTS");
}

/* Each thing that is needed, taken away alone, is missed by name. */
static void every_needed_control(void **state)
{
	static const struct {
		int cap;
		u32 bit;
		const char *word;
	} needed[] = {
	    {CAP_TRUE_PIN, PIN_NMI_EXIT, "NMIs"},
	    {CAP_TRUE_PIN, PIN_VIRTUAL_NMIS, "virtual NMIs"},
	    {CAP_TRUE_PROC, PROC_RDPMC_EXIT, "RDPMC"},
	    {CAP_TRUE_PROC, PROC_NMI_WINDOW, "NMI-window"},
	    {CAP_TRUE_PROC, PROC_IO_EXIT, "port"},
	    {CAP_TRUE_PROC, PROC_MSR_BITMAPS, "MSR bitmaps"},
	    {CAP_TRUE_PROC, PROC_SECONDARY, "secondary"},
	    {CAP_PROC2, PROC2_VPID, "VPID"},
	    {CAP_PROC2, PROC2_WBINVD_EXIT, "WBINVD"},
	    {CAP_TRUE_EXIT, VMEXIT_SAVE_DEBUG, "debug"},
	    {CAP_TRUE_EXIT, VMEXIT_64BIT, "64-bit"},
	    {CAP_TRUE_EXIT, VMEXIT_SAVE_PAT, "save PAT"},
	    {CAP_TRUE_EXIT, VMEXIT_LOAD_PAT, "load PAT at exits"},
	    {CAP_TRUE_EXIT, VMEXIT_SAVE_EFER, "save EFER"},
	    {CAP_TRUE_EXIT, VMEXIT_LOAD_EFER, "load EFER at exits"},
	    {CAP_TRUE_ENTRY, VMENTRY_LOAD_DEBUG, "debug"},
	    {CAP_TRUE_ENTRY, VMENTRY_LONG_MODE, "64-bit guests"},
	    {CAP_TRUE_ENTRY, VMENTRY_LOAD_PAT, "load PAT at entries"},
	    {CAP_TRUE_ENTRY, VMENTRY_LOAD_EFER, "load EFER at entries"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		struct vmx_host h = skylake;

		clear_may(&h, needed[i].cap, needed[i].bit);
		refuses(&h, needed[i].word);
	}
}

static void every_needed_property_of_ept(void **state)
{
	static const struct {
		u64 bits;
		const char *word;
	} needed[] = {
	    {1ull << 6, "4 levels"},	    {1ull << 14, "write-back"},	   {1ull << 16, "2 MiB"},
	    {1ull << 20, "INVEPT"},	    {3ull << 25, "INVEPT has no"}, {1ull << 32, "INVVPID"},
	    {3ull << 41, "INVVPID has no"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		struct vmx_host h = skylake;

		h.cap[CAP_EPT_VPID] &= ~needed[i].bits;
		refuses(&h, needed[i].word);
	}
}

static void optional_ones_go_without(void **state)
{
	struct vmx_host h = skylake;

	clear_may(&h, CAP_PROC2, PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES);
	clear_may(&h, CAP_TRUE_EXIT, VMEXIT_HIDE_FROM_PT);
	clear_may(&h, CAP_TRUE_ENTRY, VMENTRY_HIDE_FROM_PT);
	h.cap[CAP_EPT_VPID] &= ~(1ull << 17 | 1ull << 25 | 1ull << 41);
	assert_int_equal(vmx_controls_make(&h, &c, &no), OK);
	assert_int_equal(c.proc2, PROC2_EPT | PROC2_VPID | PROC2_WBINVD_EXIT | PROC2_UNRESTRICTED);
	assert_false(c.large_1g || c.invept_single || c.invvpid_single);
	h.cap[CAP_PROC2] |= (u64)PROC2_ENCLS_EXIT << 32;
	assert_int_equal(vmx_controls_make(&h, &c, &no), OK);
	assert_true(c.proc2 & PROC2_ENCLS_EXIT);
}

static void controls_that_cannot_be_off(void **state)
{
	static const struct {
		int cap;
		u32 bit;
	} forced[] = {
	    {CAP_TRUE_PIN, 1}, /* external-interrupt exiting */
	    {CAP_TRUE_PROC, PROC_CR3_LOAD},
	    {CAP_TRUE_PROC, PROC_CR3_STORE},
	    {CAP_TRUE_PROC, 1u << 7},	/* HLT */
	    {CAP_TRUE_EXIT, 1u << 15},	/* acknowledge */
	    {CAP_TRUE_ENTRY, 1u << 10}, /* to SMM */
	};

	for (u32 i = 0; i < ARRAY_SIZE(forced); i++) {
		struct vmx_host h = skylake;

		h.cap[forced[i].cap] |= forced[i].bit;
		refuses(&h, "forces a control");
	}
}

static void every_core_has_the_same(void **state)
{
	struct vmx_controls a, b;
	struct vmx_host h = skylake;

	/* What lies between the fields differs. */
	memset(&a, 0x55, sizeof(a));
	memset(&b, 0xaa, sizeof(b));
	assert_int_equal(vmx_controls_make(&h, &a, &no), OK);
	assert_int_equal(vmx_controls_make(&h, &b, &no), OK);
	memset((char *)&b + offsetof(struct vmx_controls, entry) + 4, 0xaa,
	       offsetof(struct vmx_controls, eptp_bits) - offsetof(struct vmx_controls, entry) - 4);
	assert_true(vmx_controls_same(&a, &b));
	for (size_t i = 0; i < 5; i++) {
		u32 *word[] = {&b.pin, &b.proc, &b.proc2, &b.exit, &b.entry};

		*word[i] ^= 1u << 7;
		assert_false(vmx_controls_same(&a, &b));
		*word[i] ^= 1u << 7;
	}
	for (size_t i = 0; i < 5; i++) {
		u64 *word[] = {&b.eptp_bits, &b.cr0_always, &b.cr4_always, &b.cr0_never,
			       &b.cr4_never};

		*word[i] ^= 1ull << 40;
		assert_false(vmx_controls_same(&a, &b));
		*word[i] ^= 1ull << 40;
	}
	for (size_t i = 0; i < 3; i++) {
		bool *flag[] = {&b.large_1g, &b.invept_single, &b.invvpid_single};

		*flag[i] = !*flag[i];
		assert_false(vmx_controls_same(&a, &b));
		*flag[i] = !*flag[i];
	}
}

static void what_is_emptied_before_an_entry(void **state)
{
	struct vmx_leaks l = vmx_leaks_of(0, 0);

	assert_false(l.l1d || l.buffers);
	l = vmx_leaks_of(1u << 28, 0);
	assert_true(l.l1d && !l.buffers);
	l = vmx_leaks_of(1u << 28 | 1u << 10, 1);
	assert_true(!l.l1d && l.buffers);
	l = vmx_leaks_of(1u << 28, 8);
	assert_false(l.l1d);
	l = vmx_leaks_of(1u << 28, ~9ull);
	assert_true(l.l1d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_processor_of_today),
	    cmocka_unit_test(open_feature_control_is_no_obstacle),
	    cmocka_unit_test(locked_off_by_the_firmware),
	    cmocka_unit_test(generations_before),
	    cmocka_unit_test(every_needed_control),
	    cmocka_unit_test(every_needed_property_of_ept),
	    cmocka_unit_test(optional_ones_go_without),
	    cmocka_unit_test(controls_that_cannot_be_off),
	    cmocka_unit_test(every_core_has_the_same),
	    cmocka_unit_test(what_is_emptied_before_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
