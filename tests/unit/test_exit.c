/*
 * core/vcpu/exit and memory: exits as a backend reports them, on a guest whose 64-bit code and page
 * tables lie in real memory. The backend is a recorder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cpuid.h>
#include <cmocka.h>

#include "core/port.h"
#include "core/vcpu/vcpu.h"
#include "tests/fake/machine.h"

#define RAM	  MIB(2)
#define HPA	  GIB(4) /* where the guest's RAM lies */
#define CODE	  0x10000ull
#define DATA	  0x20000ull
#define READ_ONLY 0x21000ull
#define KERNEL	  0x22000ull
#define ABSENT	  0x23000ull
#define DEVICE	  0x40000ull /* linear; the I/O APIC behind it */
#define ECAM	  0x50000ull /* linear; configuration space behind it */
#define IOAPIC	  0xfec00000ull
#define ECAM_BASE 0xe0000000ull

static u8 ram[RAM] __attribute__((aligned(4096)));
static struct port_windows windows;

void *port_guest(paddr_t pa)
{
	assert_true(pa.v >= HPA && pa.v < HPA + RAM);
	windows.base = (u64)ram;
	windows.tag[HPA / PORT_GUEST_SPAN % PORT_WINDOWS] = HPA / PORT_GUEST_SPAN + 1;
	return ram + (pa.v - HPA);
}

/* ---- the backend --------------------------------------------------------------------------------- */

static u64 cr0, cr2, efer;
static u8 cpl;
static int injected; /* vector, -1: none */
static u32 error_code;

static u64 hw_read(struct vcpu *v, enum virt_reg r)
{
	switch (r) {
	case VIRT_CR0:
		return cr0;
	case VIRT_CR2:
		return cr2;
	case VIRT_CR3:
		return v->cr3;
	case VIRT_CR4:
		return v->view.cr4;
	case VIRT_EFER:
		return efer;
	}
	return 0;
}

static void hw_write(struct vcpu *v, enum virt_reg r, u64 value)
{
	if (r == VIRT_CR2)
		cr2 = value;
}

static enum insn_mode hw_code_mode(struct vcpu *v)
{
	return INSN_64;
}

static u64 hw_seg_base(struct vcpu *v, enum insn_seg s)
{
	return 0;
}

static u8 hw_cpl(struct vcpu *v)
{
	return cpl;
}

static void hw_inject(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	injected = vector;
	error_code = error;
}

static const struct virt_ops ops = {
    .read = hw_read,
    .write = hw_write,
    .code_mode = hw_code_mode,
    .seg_base = hw_seg_base,
    .cpl = hw_cpl,
    .inject = hw_inject,
};

/* ---- the guest ----------------------------------------------------------------------------------- */

static u32 console_bytes;

static void on_interrupt(void *ctx, const struct ioapic_message *m)
{
}

static void on_console(void *ctx, u8 byte)
{
	console_bytes++;
}

static void on_reset(void *ctx, u32 vcpu, enum platform_reset_kind kind)
{
}

static void on_power_off(void *ctx, u32 vcpu)
{
}

static u64 on_time(void *ctx)
{
	return 0;
}

static void on_refused(void *ctx, const struct platform_refused *r)
{
}

static const struct platform_ops platform_ops = {on_interrupt, on_console, on_reset,
						 on_power_off, on_time,	   on_refused};

static const struct plan_ram pieces[] = {{GPA(0), PADDR(HPA), RAM}};
static struct lapic lapic;
static struct guest guest;
static struct vcpu vcpu;
static u64 exits[EXIT_CAUSES];

static void map(u64 linear, u64 target, u64 rights)
{
	u64 *e = (u64 *)(void *)(ram + 0x4000) + (linear >> 12);

	*e = target | rights;
}

static void host_cpuid(void *ctx, u32 leaf, u32 sub, u32 out[4])
{
	__cpuid_count(leaf, sub, out[0], out[1], out[2], out[3]);
}

static int set_up(void **state)
{
	const struct cpuid_params params = {
	    .host = host_cpuid, .ncpus = 1, .threads_per_core = 1, .x2apic = true};
	const struct platform_config config = {
	    .ops = &platform_ops, .ecam = GPA(ECAM_BASE), .ecam_buses = 64, .memory_low = RAM};

	memset(ram, 0, sizeof(ram));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&guest, 0, sizeof(guest));
	guest.name = "test";
	guest.ncpus = guest.nram = 1;
	guest.ram = pieces;
	guest.vcpus = &vcpu;
	if (cpuid_build(&guest.cpuid, &params) || platform_init(&guest.platform, &config))
		return -1;
	vcpu.ops = &ops;
	vcpu.guest = &guest;
	memset(&windows, 0, sizeof(windows));
	vcpu_set_windows(&vcpu, &windows);
	vcpu.lapic = &lapic;
	vcpu.exits = exits;
	vcpu.long_mode = true;
	vcpu.cr3 = 0x1000;
	vcpu.view = (struct cpuid_vcpu){.apic_enabled = true, .cr4 = 1 << 5, .xcr0 = 1};
	vcpu.rip = CODE;
	vcpu.rflags = 0x202;
	cr0 = 1u << 31 | 1 << 16 | 1;
	efer = 0xd01;
	cpl = 0;
	injected = -1;
	console_bytes = 0;

	/* The first 2 MiB, one page table; user rights but for what is named. */
	*(u64 *)(void *)(ram + 0x1000) = 0x2007;
	*(u64 *)(void *)(ram + 0x2000) = 0x3007;
	*(u64 *)(void *)(ram + 0x3000) = 0x4007;
	map(CODE, CODE, 7);
	map(DATA, DATA, 7);
	map(READ_ONLY, READ_ONLY, 5);
	map(KERNEL, KERNEL, 3);
	map(DEVICE, IOAPIC, 7);
	map(ECAM, ECAM_BASE, 7);
	return 0;
}

static void code(const char *bytes, size_t n)
{
	memcpy(ram + CODE, bytes, n);
}

#define CODE_IS(s) code(s, sizeof(s) - 1)

static void exit_with(enum exit_cause cause)
{
	vcpu.exit.cause = cause;
	vcpu_handle_exit(&vcpu);
}

static void touch_device(u64 gpa, bool write)
{
	vcpu.exit = (struct vm_exit){.cause = EXIT_MMIO};
	vcpu.exit.mmio.gpa = GPA(gpa);
	vcpu.exit.mmio.write = write;
	vcpu_handle_exit(&vcpu);
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void cpuid_moves_on_by_its_decoded_length(void **state)
{
	CODE_IS("\x0f\xa2");
	vcpu.gpr[GPR_AX] = 0xffffffff40000001;
	vcpu.gpr[GPR_CX] = ~0ull;
	exit_with(EXIT_CPUID);
	assert_int_equal(vcpu.gpr[GPR_AX], 0x31237648);
	assert_int_equal(vcpu.gpr[GPR_CX], 0);
	assert_int_equal(vcpu.rip, CODE + 2);
	assert_true(vcpu.moved);
	/* The same address, other bytes, the length remembered notwithstanding. */
	vcpu.rip = CODE;
	CODE_IS("\x66\x0f\xa2");
	exit_with(EXIT_CPUID);
	assert_int_equal(vcpu.rip, CODE + 3);
	vcpu.rip = CODE;
	exit_with(EXIT_CPUID);
	assert_int_equal(vcpu.rip, CODE + 3);
	/* Code that is gone: nothing happens, the guest sees its own fault. */
	vcpu.rip = ABSENT;
	exit_with(EXIT_CPUID);
	assert_int_equal(vcpu.rip, ABSENT);
}

static void what_was_decoded_is_known_while_it_can_be_compared(void **state)
{
	CODE_IS("\x0f\xa2");
	assert_null(vcpu_known_instruction(&vcpu));
	exit_with(EXIT_CPUID);
	vcpu.rip = CODE;
	assert_non_null(vcpu_known_instruction(&vcpu));
	assert_int_equal(vcpu_known_instruction(&vcpu)->len, 2);
	/* Other bytes anywhere in the sixteen, another address space, other code, another address. */
	ram[CODE + 15] ^= 1;
	assert_null(vcpu_known_instruction(&vcpu));
	ram[CODE + 15] ^= 1;
	vcpu.cr3 ^= 0x1000;
	assert_null(vcpu_known_instruction(&vcpu));
	vcpu.cr3 ^= 0x1000;
	vcpu.long_mode = false;
	assert_null(vcpu_known_instruction(&vcpu));
	vcpu.long_mode = true;
	vcpu.rip += 2 * VCPU_INSN_CACHE;
	assert_null(vcpu_known_instruction(&vcpu));
	vcpu.rip = CODE;
	assert_non_null(vcpu_known_instruction(&vcpu));
	/* The window shows something else now, or is nobody's. */
	for (u32 i = 0; i < PORT_WINDOWS; i++)
		windows.tag[i] += PORT_WINDOWS;
	assert_null(vcpu_known_instruction(&vcpu));
	memset(&windows, 0, sizeof(windows));
	assert_null(vcpu_known_instruction(&vcpu));
	/* It is found again, and forgotten by the next core. */
	exit_with(EXIT_CPUID);
	vcpu.rip = CODE;
	assert_non_null(vcpu_known_instruction(&vcpu));
	vcpu_set_windows(&vcpu, &windows);
	assert_null(vcpu_known_instruction(&vcpu));
}

static void caches_are_written_back_for_incoherent_devices_now_and_then(void **state)
{
	CODE_IS("\x0f\x09");
	fake_machine_reset();
	vcpu.exit.len = 2;
	exit_with(EXIT_CACHE);
	assert_int_equal(vcpu.rip, CODE + 2);
	assert_int_equal(fake_cache_flushes(), 0);

	guest.incoherent = true;
	for (u32 i = 1; i <= 32; i++) {
		vcpu.rip = CODE;
		exit_with(EXIT_CACHE);
		assert_int_equal(vcpu.rip, CODE + 2);
		assert_int_equal(fake_cache_flushes(), i);
	}
	/* Too soon: it stays where it is. */
	vcpu.moved = false;
	vcpu.rip = CODE;
	fake_time_pass(49999999);
	exit_with(EXIT_CACHE);
	assert_int_equal(vcpu.rip, CODE);
	assert_false(vcpu.moved);
	assert_int_equal(fake_cache_flushes(), 32);
	fake_time_pass(1);
	exit_with(EXIT_CACHE);
	assert_int_equal(vcpu.rip, CODE + 2);
	vcpu.rip = CODE;
	exit_with(EXIT_CACHE);
	assert_int_equal(vcpu.rip, CODE);
	assert_int_equal(fake_cache_flushes(), 33);
}

static void a_write_to_the_local_apic(void **state)
{
	CODE_IS("\x0f\x30");
	lapic.mode = LAPIC_X2APIC;
	vcpu.gpr[GPR_AX] = 0xffffffff00000000; /* the upper half does not count */
	vcpu_exit_apic_write(&vcpu, LAPIC_ESR);
	assert_int_equal(vcpu.rip, CODE + 2);
	assert_int_equal(injected, -1);
	/* The register takes nothing but 0. */
	vcpu.rip = CODE;
	vcpu.gpr[GPR_DX] = 1;
	vcpu_exit_apic_write(&vcpu, LAPIC_ESR);
	assert_int_equal(vcpu.rip, CODE);
	assert_int_equal(injected, 13);
	assert_int_equal(vcpu.msr.refused, 1);
}

static void the_last_exits_are_remembered(void **state)
{
	for (u32 n = 1; n <= VCPU_HISTORY; n++)
		assert_int_equal(vcpu_past_exit(&vcpu, n)->cause, 0);
	vcpu_note_exit(&vcpu, EXIT_CPUID);
	assert_int_equal(vcpu_past_exit(&vcpu, 1)->cause, EXIT_CPUID + 1);
	assert_int_equal(vcpu_past_exit(&vcpu, 2)->cause, 0);
	for (u32 n = 0; n < 600; n++) {
		vcpu.rip = n;
		vcpu_note_exit(&vcpu, n % EXIT_CAUSES);
	}
	for (u32 n = 1; n <= VCPU_HISTORY; n++) {
		assert_int_equal(vcpu_past_exit(&vcpu, n)->rip, 600 - n);
		assert_int_equal(vcpu_past_exit(&vcpu, n)->cause, (600 - n) % EXIT_CAUSES + 1);
	}
}

static void a_load_and_a_store(void **state)
{
	CODE_IS("\x8b\x03"); /* mov eax, [rbx] */
	vcpu.gpr[GPR_BX] = ECAM;
	vcpu.gpr[GPR_AX] = ~0ull;
	touch_device(ECAM_BASE, false);
	assert_int_equal(vcpu.gpr[GPR_AX], 0x29c08086); /* the host bridge */
	assert_int_equal(vcpu.rip, CODE + 2);
	/* I/O APIC: select register 1 (version), then read it. */
	vcpu.rip = CODE;
	CODE_IS("\xc7\x03\1\0\0\0");
	vcpu.gpr[GPR_BX] = DEVICE;
	touch_device(IOAPIC, true);
	assert_int_equal(vcpu.rip, CODE + 6);
	vcpu.rip = CODE;
	CODE_IS("\x8b\x43\x10");
	touch_device(IOAPIC + 0x10, false);
	assert_int_equal(vcpu.gpr[GPR_AX] >> 16 & 0xff, 23); /* 24 pins */
	assert_int_equal(injected, -1);
}

static void moves_between_device_and_memory(void **state)
{
	CODE_IS("\xf3\xa5"); /* rep movsd */
	vcpu.gpr[GPR_SI] = ECAM;
	vcpu.gpr[GPR_DI] = DATA + 8;
	vcpu.gpr[GPR_CX] = 2;
	touch_device(ECAM_BASE, false);
	assert_int_equal(injected, -1);
	assert_memory_equal(ram + DATA + 8, "\x86\x80\xc0\x29", 4);
	assert_int_equal(vcpu.gpr[GPR_CX], 0);
	assert_int_equal(vcpu.rip, CODE + 2);
	/* Its page has been marked as the processor would have. */
	assert_int_equal(*(u64 *)(void *)(ram + 0x4000 + (DATA >> 12) * 8) & 0x60, 0x60);
	assert_int_equal(*(u64 *)(void *)(ram + 0x1000) & 0x60, 0x20);
	/* Equal offsets in their pages, and still the right ones. */
	vcpu.rip = CODE;
	vcpu.gpr[GPR_SI] = ECAM;
	vcpu.gpr[GPR_DI] = DATA;
	vcpu.gpr[GPR_CX] = 1;
	touch_device(ECAM_BASE, false);
	assert_memory_equal(ram + DATA, "\x86\x80\xc0\x29", 4);
	/* repe cmpsb finds them equal. */
	vcpu.rip = CODE;
	CODE_IS("\xf3\xa6");
	vcpu.gpr[GPR_SI] = ECAM;
	vcpu.gpr[GPR_DI] = DATA;
	vcpu.gpr[GPR_CX] = 4;
	touch_device(ECAM_BASE, false);
	assert_int_equal(vcpu.gpr[GPR_CX], 0);
	assert_true(vcpu.rflags & 0x40);
}

/* The other operand faults like any access of this guest's at this privilege. */
static void the_other_operand_faults(void **state)
{
	static const struct {
		u64 page;
		u8 cpl;
		u32 error; /* 0: allowed */
	} v[] = {{ABSENT, 0, 2}, {ABSENT, 3, 6}, {READ_ONLY, 0, 3}, {READ_ONLY, 3, 7},
		 {KERNEL, 3, 7}, {KERNEL, 0, 0}, {DATA, 3, 0}};

	for (size_t k = 0; k < ARRAY_SIZE(v); k++) {
		set_up(NULL);
		cpl = v[k].cpl;
		CODE_IS("\xa5");
		vcpu.gpr[GPR_SI] = ECAM;
		vcpu.gpr[GPR_DI] = v[k].page + 4;
		touch_device(ECAM_BASE, false);
		if (!v[k].error) {
			assert_int_equal(injected, -1);
			assert_int_equal(vcpu.rip, CODE + 1);
			continue;
		}
		assert_int_equal(injected, 14);
		assert_int_equal(error_code, v[k].error);
		assert_int_equal(cr2, v[k].page + 4);
		assert_int_equal(vcpu.rip, CODE);
		assert_int_equal(vcpu.gpr[GPR_DI], v[k].page + 4);
		assert_int_equal(*(u32 *)(void *)(ram + v[k].page + 4), 0);
	}
	/* In the middle of a repeated one, what is done is done. */
	set_up(NULL);
	CODE_IS("\xf3\xa5");
	vcpu.gpr[GPR_SI] = ECAM;
	vcpu.gpr[GPR_DI] = ABSENT - 8;
	vcpu.gpr[GPR_CX] = 5;
	touch_device(ECAM_BASE, false);
	assert_int_equal(injected, 14);
	assert_int_equal(cr2, ABSENT);
	assert_int_equal(vcpu.gpr[GPR_CX], 3);
	assert_int_equal(vcpu.gpr[GPR_DI], ABSENT);
	assert_int_equal(vcpu.rip, CODE);
}

static void what_no_device_needs(void **state)
{
	CODE_IS("\x0f\x6e\x03"); /* movd mm0, [rbx] */
	vcpu.gpr[GPR_BX] = ECAM;
	touch_device(ECAM_BASE, false);
	assert_int_equal(injected, 6);
	assert_int_equal(vcpu.rip, CODE);
}

static void string_port_input_needs_room_first(void **state)
{
	u32 lsr;

	CODE_IS("\x6c"); /* insb */
	assert_int_equal(platform_console_input(&guest.platform, (const u8 *)"x", 1), 1);
	vcpu.exit = (struct vm_exit){.cause = EXIT_IO};
	vcpu.exit.io.port = 0x3f8;
	vcpu.exit.io.width = 1;
	vcpu.exit.io.in = vcpu.exit.io.string = true;
	vcpu.exit.io.next_rip = CODE + 1;
	vcpu.gpr[GPR_DI] = ABSENT;
	vcpu_handle_exit(&vcpu);
	assert_int_equal(injected, 14);
	assert_int_equal(cr2, ABSENT);
	/* The byte still waits. */
	platform_io(&guest.platform, 0, 0x3fd, 1, false, &lsr);
	assert_true(lsr & 1);
	injected = -1;
	vcpu.gpr[GPR_DI] = DATA;
	vcpu_handle_exit(&vcpu);
	assert_int_equal(injected, -1);
	assert_int_equal(ram[DATA], 'x');
	assert_int_equal(vcpu.rip, CODE + 1);
	assert_int_equal(vcpu.gpr[GPR_DI], DATA + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(cpuid_moves_on_by_its_decoded_length, set_up),
	    cmocka_unit_test_setup(what_was_decoded_is_known_while_it_can_be_compared, set_up),
	    cmocka_unit_test_setup(caches_are_written_back_for_incoherent_devices_now_and_then,
				   set_up),
	    cmocka_unit_test_setup(a_write_to_the_local_apic, set_up),
	    cmocka_unit_test_setup(the_last_exits_are_remembered, set_up),
	    cmocka_unit_test_setup(a_load_and_a_store, set_up),
	    cmocka_unit_test_setup(moves_between_device_and_memory, set_up),
	    cmocka_unit_test_setup(the_other_operand_faults, set_up),
	    cmocka_unit_test_setup(what_no_device_needs, set_up),
	    cmocka_unit_test_setup(string_port_input_needs_room_first, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
