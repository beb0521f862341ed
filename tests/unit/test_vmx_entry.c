/* core/vmx/entry_check: a failed VM entry names the field that was wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vmx/entry_check.h"
#include "core/vmx/vmcs.h"

#define CAP(must, may) ((u64)(may) << 32 | (must))

static const struct vmx_host host = {
    .vmx = true,
    .cap =
	{
	    [CAP_CR0_FIXED0] = 0x80000021,
	    [CAP_CR0_FIXED1] = 0xffffffff,
	    [CAP_CR4_FIXED0] = 0x2000,
	    [CAP_CR4_FIXED1] = 0x3767ff,
	    [CAP_PROC2] = CAP(0, 0x00553cfe),
	    [CAP_TRUE_PIN] = CAP(0x16, 0xff),
	    [CAP_TRUE_PROC] = CAP(0x04006172, 0xfff9fffe),
	    [CAP_TRUE_EXIT] = CAP(0x00036dfb, 0x03ffffff),
	    [CAP_TRUE_ENTRY] = CAP(0x000011fb, 0x0003ffff),
	},
};

struct field {
	u32 field;
	u64 value;
};

/* A guest in 64-bit mode that can be entered; what is not listed is 0. */
static const struct field good[] = {
    {VMCS_PIN_CONTROLS, 0x3e},
    {VMCS_PROC_CONTROLS, 0x04006172u | PROC_IO_EXIT | PROC_MSR_BITMAPS | PROC_SECONDARY},
    {VMCS_PROC2_CONTROLS, PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED},
    {VMCS_EXIT_CONTROLS, 0x00036dffu | VMEXIT_64BIT},
    {VMCS_ENTRY_CONTROLS, 0x000011ffu | VMENTRY_LONG_MODE},
    {VMCS_MSR_BITMAP, 0x5000},
    {VMCS_VPID, 1},
    {VMCS_EPT_POINTER, 0x101e},
    {VMCS_HOST_CR0, 0x80010033},
    {VMCS_HOST_CR3, 0x2000},
    {VMCS_HOST_CR4, 0x26e0},
    {VMCS_HOST_PAT, 0x0007040600070406},
    {VMCS_HOST_EFER, 0xd01},
    {VMCS_HOST_CS, 8},
    {VMCS_HOST_SS, 16},
    {VMCS_HOST_TR, 32},
    {VMCS_HOST_RIP, 0xffffffff81000000},
    {VMCS_GUEST_CR0, 0x80000031},
    {VMCS_GUEST_CR4, 0x2020},
    {VMCS_GUEST_EFER, 0x500},
    {VMCS_GUEST_PAT, 0x0007040600070406},
    {VMCS_GUEST_CS_RIGHTS, 0xa09b},
    {VMCS_GUEST_SS_RIGHTS, 0xc093},
    {VMCS_GUEST_LDTR_RIGHTS, 0x82},
    {VMCS_GUEST_TR_RIGHTS, 0x8b},
    {VMCS_GUEST_RFLAGS, 2},
    {VMCS_GUEST_RIP, 0x100000},
    {VMCS_LINK_POINTER, ~0ull},
};

#define MAX 64
static struct field now[MAX];
static u32 count;

static void set(u32 field, u64 value)
{
	for (u32 i = 0; i < count; i++)
		if (now[i].field == field) {
			now[i].value = value;
			return;
		}
	assert_true(count < MAX);
	now[count++] = (struct field){field, value};
}

static u64 read_field(void *ctx, u32 field)
{
	for (u32 i = 0; i < count; i++)
		if (now[i].field == field)
			return now[i].value;
	return 0;
}

static const struct vmcs_reader reader = {.read = read_field, .host = &host, .phys_bits = 39};

static void start(void)
{
	memcpy(now, good, sizeof(good));
	count = ARRAY_SIZE(good);
}

static void a_good_guest_has_no_fault(void **state)
{
	struct vmcs_fault f;

	start();
	assert_false(vmcs_find_fault(&reader, 7, &f));
	/* Real mode after reset, asleep, single-stepping: all can be entered. */
	set(VMCS_ENTRY_CONTROLS, 0x000011ff);
	set(VMCS_GUEST_CR0, 0x30);
	set(VMCS_GUEST_CR4, 0x2000);
	set(VMCS_GUEST_EFER, 0);
	set(VMCS_GUEST_CS_RIGHTS, 0x9b);
	set(VMCS_GUEST_RIP, 0xfff0);
	assert_false(vmcs_find_fault(&reader, 7, &f));
	set(VMCS_GUEST_RFLAGS, 0x102);
	set(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
	set(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_STEP);
	assert_false(vmcs_find_fault(&reader, 7, &f));
	start();
	set(VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_NMI | 2);
	assert_false(vmcs_find_fault(&reader, 7, &f));
	set(VMCS_GUEST_LDTR_RIGHTS, RIGHTS_UNUSABLE);
	set(VMCS_GUEST_SS_RIGHTS, RIGHTS_UNUSABLE);
	assert_false(vmcs_find_fault(&reader, 7, &f));
}

/* One field spoiled at a time. */
static void each_fault_is_named(void **state)
{
	static const struct {
		u32 area, field;
		u64 value;
		const char *name, *rule;
	} spoiled[] = {
	    {1, VMCS_PIN_CONTROLS, 0x2e, "pin-based", "does not allow"},
	    {1, VMCS_PIN_CONTROLS, 0x13e, "pin-based", "does not allow"},
	    {1, VMCS_PROC_CONTROLS, 0, "processor-based", "does not allow"},
	    {1, VMCS_PROC_CONTROLS, 0x04006174, "processor-based", "does not allow"},
	    {1, VMCS_PROC2_CONTROLS, 1, "secondary", "does not allow"},
	    {1, VMCS_CR3_TARGETS, 1, "CR3-target", "more than none"},
	    {1, VMCS_MSR_BITMAP, 0x5001, "MSR-bitmap", "page"},
	    {1, VMCS_MSR_BITMAP, 1ull << 39, "MSR-bitmap", "page"},
	    {1, VMCS_VPID, 0, "VPID", "hypervisor's"},
	    {1, VMCS_EPT_POINTER, 0x1018, "EPT pointer", "type"},
	    {1, VMCS_EPT_POINTER, 0x1016, "EPT pointer", "levels"},
	    {1, VMCS_EPT_POINTER, 0x189e, "EPT pointer", "reserved"},
	    {1, VMCS_EPT_POINTER, 1ull << 40 | 0x1e, "EPT pointer", "reserved"},
	    {1, VMCS_EXIT_CONTROLS, 0, "VM-exit controls", "does not allow"},
	    {1, VMCS_EXIT_MSR_STORE, 1, "MSR-store count", "not 0"},
	    {1, VMCS_EXIT_MSR_LOAD, 1, "MSR-load count", "not 0"},
	    {1, VMCS_ENTRY_CONTROLS, 0, "VM-entry controls", "does not allow"},
	    {1, VMCS_ENTRY_MSR_LOAD, 1, "VM-entry MSR-load", "not 0"},
	    {1, VMCS_ENTRY_EVENT, VMEVENT_VALID | 1u << 8, "interruption", "type"},
	    {1, VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_NMI | 3, "interruption", "vector"},
	    {1, VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_EXCEPTION | 32, "interruption", "vector"},
	    {1, VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_EXCEPTION | 1u << 12, "interruption",
	     "reserved"},
	    {2, VMCS_HOST_CR0, 0x80010013, "host CR0", "fixed"},
	    {2, VMCS_HOST_CR4, 0x6e0, "host CR4", "fixed"},
	    {2, VMCS_HOST_CR4, 0x26c0, "host CR4", "PAE"},
	    {2, VMCS_HOST_CR3, 1ull << 39, "host CR3", "width"},
	    {2, VMCS_HOST_SYSENTER_ESP, 1ull << 47, "SYSENTER_ESP", "canonical"},
	    {2, VMCS_HOST_SYSENTER_EIP, 1ull << 47, "SYSENTER_EIP", "canonical"},
	    {2, VMCS_HOST_PAT, 2, "host PAT", "type"},
	    {2, VMCS_HOST_EFER, 0x100, "host EFER", "64-bit"},
	    {2, VMCS_HOST_EFER, 0x1d01, "host EFER", "64-bit"},
	    {2, VMCS_HOST_CS, 0, "host CS", "null"},
	    {2, VMCS_HOST_CS, 11, "host CS", "RPL"},
	    {2, VMCS_HOST_TR, 0, "host TR", "null"},
	    {2, VMCS_HOST_SS, 19, "host SS", "RPL"},
	    {2, VMCS_HOST_DS, 4, "host DS", "TI"},
	    {2, VMCS_HOST_ES, 4, "host ES", "TI"},
	    {2, VMCS_HOST_FS, 4, "host FS", "TI"},
	    {2, VMCS_HOST_GS, 4, "host GS", "TI"},
	    {2, VMCS_HOST_FS_BASE, 1ull << 47, "host FS base", "canonical"},
	    {2, VMCS_HOST_GS_BASE, 1ull << 47, "host GS base", "canonical"},
	    {2, VMCS_HOST_TR_BASE, 1ull << 47, "host TR base", "canonical"},
	    {2, VMCS_HOST_GDTR_BASE, 1ull << 47, "host GDTR base", "canonical"},
	    {2, VMCS_HOST_IDTR_BASE, 1ull << 47, "host IDTR base", "canonical"},
	    {2, VMCS_HOST_RIP, 1ull << 47, "host RIP", "canonical"},
	    {4, VMCS_GUEST_CR0, 0x80000011, "guest CR0", "fixed"},
	    {4, VMCS_GUEST_CR0, 0x80000030, "guest CR0", "without PE"},
	    {4, VMCS_GUEST_CR0, 0x31, "guest CR0", "no paging"},
	    {4, VMCS_GUEST_CR4, 0x20, "guest CR4", "fixed"},
	    {4, VMCS_GUEST_CR4, 0x2000, "guest CR4", "PAE"},
	    {4, VMCS_GUEST_CR3, 1ull << 39, "guest CR3", "width"},
	    {4, VMCS_GUEST_DR7, 1ull << 32, "guest DR7", "upper half"},
	    {4, VMCS_GUEST_SYSENTER_ESP, 1ull << 47, "SYSENTER_ESP", "canonical"},
	    {4, VMCS_GUEST_SYSENTER_EIP, 1ull << 47, "SYSENTER_EIP", "canonical"},
	    {4, VMCS_GUEST_PAT, 0x0307040600070406, "guest PAT", "type"},
	    {4, VMCS_GUEST_PAT, 0x0807040600070406, "guest PAT", "type"},
	    {4, VMCS_GUEST_EFER, 0x100, "guest EFER", "LMA"},
	    {4, VMCS_GUEST_EFER, 0x400, "guest EFER", "LME"},
	    {4, VMCS_GUEST_EFER, 0x2500, "guest EFER", "reserved"},
	    {4, VMCS_GUEST_CS_RIGHTS, 0xa092, "guest CS", "code segment"},
	    {4, VMCS_GUEST_CS_RIGHTS, 0xe09b, "guest CS", "code segment"},
	    {4, VMCS_GUEST_CS_RIGHTS, 0xa01b, "guest CS", "code segment"},
	    {4, VMCS_GUEST_CS_RIGHTS, 0xa09b | RIGHTS_UNUSABLE, "guest CS", "code segment"},
	    {4, VMCS_GUEST_SS_RIGHTS, 0xc09b, "guest SS", "stack"},
	    {4, VMCS_GUEST_TR_RIGHTS, 0x89, "guest TR", "busy"},
	    {4, VMCS_GUEST_TR_RIGHTS, 0x83, "guest TR", "busy"},
	    {4, VMCS_GUEST_TR_RIGHTS, RIGHTS_UNUSABLE, "guest TR", "busy"},
	    {4, VMCS_GUEST_LDTR_RIGHTS, 0x83, "guest LDTR", "local"},
	    {4, VMCS_GUEST_TR_BASE, 1ull << 47, "guest TR base", "canonical"},
	    {4, VMCS_GUEST_GDTR_BASE, 1ull << 47, "guest GDTR base", "canonical"},
	    {4, VMCS_GUEST_IDTR_BASE, 1ull << 47, "guest IDTR base", "canonical"},
	    {4, VMCS_GUEST_GDTR_LIMIT, 0x10000, "guest GDTR limit", "16 bits"},
	    {4, VMCS_GUEST_IDTR_LIMIT, 0x10000, "guest IDTR limit", "16 bits"},
	    {4, VMCS_GUEST_RIP, 1ull << 47, "guest RIP", "mode"},
	    {4, VMCS_GUEST_RFLAGS, 0, "guest RFLAGS", "reserved"},
	    {4, VMCS_GUEST_RFLAGS, 0xa, "guest RFLAGS", "reserved"},
	    {4, VMCS_GUEST_RFLAGS, 0x20002, "guest RFLAGS", "VM"},
	    {4, VMCS_ENTRY_EVENT, VMEVENT_VALID | 0x40, "guest RFLAGS", "IF"},
	    {4, VMCS_GUEST_ACTIVITY, 4, "activity", "none there is"},
	    {4, VMCS_GUEST_INTERRUPTIBILITY, 0x20, "interruptibility", "reserved"},
	    {4, VMCS_GUEST_INTERRUPTIBILITY, 3, "interruptibility", "reserved"},
	    {4, VMCS_GUEST_INTERRUPTIBILITY, 1, "interruptibility", "fit"},
	    {4, VMCS_GUEST_PENDING_DEBUG, 0x10, "pending debug", "reserved"},
	    {4, VMCS_LINK_POINTER, 0, "link pointer", "in use"},
	};
	struct vmcs_fault f;

	for (u32 i = 0; i < ARRAY_SIZE(spoiled); i++) {
		start();
		set(spoiled[i].field, spoiled[i].value);
		if (!vmcs_find_fault(&reader, 7, &f))
			fail_msg("nothing wrong with %s = %#lx", spoiled[i].name,
				 (unsigned long)spoiled[i].value);
		if (!strstr(f.field, spoiled[i].name) || !strstr(f.rule, spoiled[i].rule))
			fail_msg("%s = %#lx is called '%s': '%s'", spoiled[i].name,
				 (unsigned long)spoiled[i].value, f.field, f.rule);
		/* Not looked for, it is not found; what follows from it elsewhere may be. */
		if (vmcs_find_fault(&reader, 7 & ~spoiled[i].area, &f))
			assert_null(strstr(f.field, spoiled[i].name));
	}
}

/* Fields that are each possible and do not go together. */
static void combinations(void **state)
{
	struct vmcs_fault f;

	start();
	set(VMCS_PIN_CONTROLS, 0x16);
	set(VMCS_PROC_CONTROLS, 0x04006172u | PROC_NMI_WINDOW);
	assert_true(vmcs_find_fault(&reader, 1, &f));
	assert_non_null(strstr(f.rule, "NMI window"));

	start();
	set(VMCS_ENTRY_EVENT, VMEVENT_VALID | VMEVENT_NMI | 2);
	set(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
	assert_true(vmcs_find_fault(&reader, 4, &f));
	assert_string_equal(f.field, "guest interruptibility");
	assert_int_equal(f.value, BLOCKED_NMI);

	start();
	set(VMCS_GUEST_RFLAGS, 0x102);
	set(VMCS_GUEST_INTERRUPTIBILITY, SHADOW_MOV_SS);
	assert_true(vmcs_find_fault(&reader, 4, &f));
	assert_non_null(strstr(f.field, "pending debug"));
	set(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_STEP);
	assert_false(vmcs_find_fault(&reader, 4, &f));
	set(VMCS_GUEST_DEBUGCTL, 2); /* steps branches */
	assert_true(vmcs_find_fault(&reader, 4, &f));

	start();
	set(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
	set(VMCS_GUEST_RFLAGS, 0x202);
	set(VMCS_GUEST_INTERRUPTIBILITY, SHADOW_STI);
	assert_true(vmcs_find_fault(&reader, 4, &f));
	assert_non_null(strstr(f.field, "activity"));

	start();
	set(VMCS_ENTRY_CONTROLS, 0x000011ff);
	set(VMCS_GUEST_EFER, 0);
	set(VMCS_GUEST_CR4, 0x22020); /* PCIDE outside long mode */
	assert_true(vmcs_find_fault(&reader, 4, &f));
	assert_string_equal(f.field, "guest CR4");
	set(VMCS_GUEST_CR4, 0x2020);
	set(VMCS_GUEST_RIP, 1ull << 32);
	assert_true(vmcs_find_fault(&reader, 4, &f));
	assert_string_equal(f.field, "guest RIP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_guest_has_no_fault),
	    cmocka_unit_test(each_fault_is_named),
	    cmocka_unit_test(combinations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
