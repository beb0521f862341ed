/* Every rule of the proof: the sample plan passes, and each way of breaking it is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/abi.h"
#include "core/base/err.h"
#include "core/partition/prove.h"
#include "tests/fake/sample_plan.h"

#define REFUSALS 32

static struct refusal found[REFUSALS];
static u32 nfound;

static void note(void *ctx, const struct refusal *r)
{
	assert_true(nfound < REFUSALS);
	found[nfound++] = *r;
}

static int run(const struct plan *current)
{
	int err;

	nfound = 0;
	err = prove(&sample_machine, current, &sample_plan, note, NULL);
	assert_int_equal(err, nfound ? ERR_PERM : OK);
	for (u32 i = 0; i < nfound; i++) {
		size_t n = strlen(found[i].text), m = strlen(found[i].remedy);

		/* Whole sentences without their full stop, and never cut off. */
		assert_true(n > 20 && n < sizeof(found[i].text) - 1 && found[i].text[n - 1] != '.');
		assert_true(m > 15 && m < sizeof(found[i].remedy) - 1 &&
			    found[i].remedy[m - 1] != '.');
		assert_true(found[i].workstation == ~0u ||
			    found[i].workstation < sample_plan.nworkstations);
	}
	return err;
}

/* Exactly this refusal and no other, and its text says the word. */
static void only(enum rule rule, u32 ws, u32 item, const char *says)
{
	assert_int_equal(run(NULL), ERR_PERM);
	if (nfound != 1 || found[0].rule != rule)
		for (u32 i = 0; i < nfound; i++)
			print_error("%s: %s\n", rule_name(found[i].rule), found[i].text);
	assert_int_equal(nfound, 1);
	assert_int_equal(found[0].rule, rule);
	assert_int_equal(found[0].workstation, ws);
	assert_int_equal(found[0].item, item);
	if (!strstr(found[0].text, says))
		fail_msg("\"%s\" does not say \"%s\"", found[0].text, says);
	sample_reset();
	assert_int_equal(run(NULL), OK);
}

static int setup(void **state)
{
	sample_reset();
	return 0;
}

static void the_sample_is_accepted(void **state)
{
	assert_int_equal(run(NULL), OK);
	sample_plan.nworkstations = 0;
	assert_int_equal(run(NULL), OK);
}

static void the_machine(void **state)
{
	sample_machine.virtualization = false;
	only(RULE_NO_VIRTUALIZATION, ~0u, ~0u, "switched off by the firmware");
	sample_machine.nested_paging = false;
	only(RULE_NO_VIRTUALIZATION, ~0u, ~0u, "nested paging");
	sample_plan.host_cpu = 1;
	only(RULE_HOST_CORE, ~0u, ~0u, "boots on 0");
	sample_machine.boot_cpu = 99;
	only(RULE_HOST_CORE, ~0u, ~0u, "does not say");
	sample_machine.iommu = false;
	assert_int_equal(run(NULL), ERR_PERM);
	assert_int_equal(nfound, 2); /* both workstations have devices */
	assert_int_equal(found[1].rule, RULE_NO_IOMMU);
	sample_ws[0].ndevices = 0;
	only(RULE_NO_IOMMU, 1, ~0u, "beta");
	sample_machine.interrupt_remapping = false;
	sample_ws[1].ndevices = 0;
	only(RULE_NO_INTERRUPT_REMAPPING, 0, ~0u, "alpha");
	/* Without devices there is nothing to hold. */
	sample_machine.iommu = false;
	sample_ws[0].ndevices = sample_ws[1].ndevices = 0;
	assert_int_equal(run(NULL), OK);
}

static void names(void **state)
{
	static const char *const bad[] = {
	    "", "Alpha", "al pha", "alpha_1", "\xc3\xa4", "abcdefghijklmnopqrstuvwxyz012345"};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		sample_ws[1].name = bad[i];
		only(RULE_NAME, 1, ~0u, "is named");
	}
	sample_ws[1].name = "alpha";
	only(RULE_NAME, 1, ~0u, "two workstations are named alpha");
	sample_ws[1].name = "abcdefghijklmnopqrstuvwxyz01234";
	assert_int_equal(run(NULL), OK);
}

static void processors(void **state)
{
	sample_ws[1].ncpus = 0;
	only(RULE_CPU_COUNT, 1, ~0u, "beta has no processor");
	sample_ws_cpus[1][1] = 99;
	only(RULE_CPU_UNKNOWN, 1, 1, "processor 99");
	sample_ws_cpus[1][1] = 4;
	only(RULE_CPU_SHARED, 1, 1, "beta names processor 4 twice");
	sample_ws[1].ncpus = 1;
	sample_ws_cpus[1][0] = 3;
	only(RULE_CPU_SHARED, 1, 0, "processor 3 goes to both alpha and beta");
	sample_ws_cpus[1][0] = 1;
	only(RULE_CPU_HOST, 1, 0, "hypervisor's own core");
	sample_ws[0].ncpus = sample_ws[1].ncpus = 1;
	sample_ws_cpus[1][0] = 3;
	only(RULE_SMT_SPLIT, 1, 0, "threads of one core");
	/* A sibling that nobody uses is no split. */
	sample_ws[0].ncpus = 1;
	assert_int_equal(run(NULL), OK);
	/* The same core number in another package is another core. */
	sample_reset();
	for (u32 i = 4; i < 8; i++) {
		sample_cpus[i].package = 1;
		sample_cpus[i].core = i / 2 - 2;
	}
	assert_int_equal(run(NULL), OK);
}

static void memory_of_the_hypervisor(void **state)
{
	sample_plan.hv.size -= PAGE_SIZE;
	only(RULE_HV_RANGE, ~0u, ~0u, "needs for 8 processors");
	sample_plan.hv.base = PADDR(MIB(8));
	only(RULE_HV_RANGE, ~0u, ~0u, "needs for");
	sample_memory[1].base = PADDR(MIB(20));
	sample_memory[1].size -= MIB(19);
	only(RULE_HV_RANGE, ~0u, ~0u, "not all usable RAM");
	sample_machine.boot = (struct machine_boot){.hv_base = PADDR(MIB(16)), .hv_size = MIB(16)};
	only(RULE_HV_RANGE, ~0u, ~0u, "keeps only");
	sample_machine.boot = (struct machine_boot){.hv_base = PADDR(MIB(17)), .hv_size = MIB(1)};
	assert_int_equal(run(NULL), OK);
	sample_reset();
	sample_plan.bundle.base = PADDR(MIB(20));
	only(RULE_BUNDLE_RANGE, ~0u, ~0u, "overlaps the hypervisor's");
	sample_plan.bundle.base = PADDR(GIB(3));
	only(RULE_BUNDLE_RANGE, ~0u, ~0u, "not all usable RAM");
	sample_plan.bundle.size = 0;
	only(RULE_BUNDLE_RANGE, ~0u, ~0u, "not all usable RAM");
	sample_machine.boot.bundle_size = MIB(16) + 1;
	only(RULE_BUNDLE_RANGE, ~0u, ~0u, "has 16777217 bytes");
}

static void memory_of_workstations(void **state)
{
	sample_ram[0][0].hpa = PADDR(GIB(5) + 1);
	only(RULE_MEMORY_SHAPE, 0, 0, "cannot be mapped");
	sample_ws[0].grant.size += 8;
	only(RULE_MEMORY_SHAPE, 0, ~0u, "the grant of alpha");
	sample_ram[0][0].hpa = PADDR(0 - GIB(1) + MIB(4));
	only(RULE_MEMORY_SHAPE, 0, 0, "cannot be mapped");
	sample_ram[0][0].hpa = PADDR(GIB(7) + MIB(2));
	only(RULE_MEMORY_NOT_RAM, 0, 0, "not all usable RAM");
	sample_ram[1][1].hpa = PADDR(GIB(2) - MIB(32));
	only(RULE_MEMORY_NOT_RAM, 1, 1, "memory of beta");
	sample_ws[0].grant.base = PADDR(GIB(3));
	only(RULE_MEMORY_NOT_RAM, 0, ~0u, "grant of alpha");
	/* Two adjacent entries of RAM are one piece. */
	sample_memory[3].size = GIB(1) + MIB(512);
	sample_memory[2] = sample_memory[3];
	sample_memory[3] = (struct machine_memory){PADDR(GIB(5) + MIB(512)), GIB(2), MEMORY_RAM, 1};
	assert_int_equal(run(NULL), OK);
	sample_reset();

	sample_ram[1][1].hpa = PADDR(GIB(6) - MIB(2));
	only(RULE_MEMORY_SHARED, 1, 1, "memory of beta");
	sample_ram[1][1].hpa = PADDR(MIB(256) + MIB(30));
	only(RULE_MEMORY_SHARED, 1, 1, "overlaps the memory of beta");
	sample_ws[1].grant.base = PADDR(MIB(72) - PAGE_SIZE);
	only(RULE_MEMORY_SHARED, 1, ~0u, "overlaps the grant of alpha");
	sample_ram[1][0].hpa = PADDR(MIB(36));
	assert_int_equal(run(NULL), ERR_PERM);
	assert_string_equal(rule_name(found[0].rule), "memory-shared");
	assert_non_null(strstr(found[0].text, "boot bundle"));
	sample_reset();
	sample_ws[0].grant.base = PADDR(HV_LOAD_ADDRESS);
	only(RULE_MEMORY_SHARED, 0, ~0u, "hypervisor's memory");
	sample_ws[0].grant.size = plan_grant_size(&sample_ws[0]) - PAGE_SIZE;
	only(RULE_GRANT_SIZE, 0, ~0u, "its tables and state need");
	sample_ws[0].grant.size = plan_grant_size(&sample_ws[0]);
	assert_int_equal(run(NULL), OK);
}

static void guest_addresses(void **state)
{
	sample_ram[0][0].gpa = GPA(MIB(2));
	only(RULE_GUEST_LAYOUT, 0, ~0u, "from guest address 0x200000");
	sample_ws[0].nram = 0;
	only(RULE_GUEST_LAYOUT, 0, ~0u, "0 bytes");
	sample_ws[1].nram = 1;
	only(RULE_GUEST_LAYOUT, 1, ~0u, "33554432 bytes");
	sample_ram[1][1].gpa = GPA(MIB(16));
	only(RULE_GUEST_LAYOUT, 1, 1, "out of order or doubled");
	sample_ram[1][1].gpa = GPA(0xfee00000 - MIB(1));
	only(RULE_GUEST_LAYOUT, 1, 1, "hole for devices");
	sample_ram[1][1].gpa = GPA(0xfd00000000ull - MIB(1));
	only(RULE_GUEST_LAYOUT, 1, 1, "hole for devices");
	sample_ram[1][1].gpa = GPA(GIB(4));
	assert_int_equal(run(NULL), OK);
}

static void a_plan_for_no_machine(void **state)
{
	sample_plan.nworkstations = 9;
	assert_int_equal(run(NULL), ERR_PERM); /* the other seven are never looked at */
	assert_int_equal(found[0].rule, RULE_TOO_LARGE);
	sample_reset();
	sample_ws[0].ncpus = 9;
	only(RULE_TOO_LARGE, 0, ~0u, "9 virtual processors");
	sample_ws[0].nram = PLAN_RAM_MAX + 1;
	only(RULE_TOO_LARGE, 0, ~0u, "pieces");
	sample_ws[1].ndevices = SAMPLE_FUNCTIONS + 1;
	only(RULE_TOO_LARGE, 1, ~0u, "devices");
}

static void devices(void **state)
{
	struct plan_device *d = &sample_devices[1][0];

	d->path.devfn[0] = 0x20;
	only(RULE_DEVICE_UNKNOWN, 1, 0, "0000:00/04.0");
	d->path.depth = 2;
	only(RULE_DEVICE_UNKNOWN, 1, 0, "0000:00/03.0/00.0");
	d->device++;
	only(RULE_DEVICE_IDENTITY, 1, 0, "8086:10ca");
	d->subvendor = 0;
	only(RULE_DEVICE_IDENTITY, 1, 0, "is there");
	d->serial ^= 1;
	only(RULE_DEVICE_IDENTITY, 1, 0, "serial number");
	d->serial = 0;
	assert_int_equal(run(NULL), OK);
	sample_functions[SAMPLE_NIC].header_type = 1;
	only(RULE_DEVICE_BRIDGE, 1, 0, "is a bridge");
	sample_functions[SAMPLE_NIC].unfit = "it is part of the chipset";
	only(RULE_DEVICE_UNFIT, 1, 0, "part of the chipset");

	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_NIC);
	only(RULE_DEVICE_SHARED, 1, 1, "named twice");
	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_GPU);
	assert_int_equal(run(NULL), ERR_PERM);
	assert_int_equal(found[0].rule, RULE_DEVICE_SHARED);
	assert_non_null(strstr(found[0].text, "0000:01:00.0 goes to both alpha and beta"));
	sample_reset();

	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_SATA);
	only(RULE_BOOT_MEDIUM, 1, 1, "0000:00:17.0");
	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_OLD);
	only(RULE_NO_RESET, 1, 1, "no way to reset");

	d->guest_devfn = 0x1f << 3 | 2;
	only(RULE_DEVICE_SLOT, 1, 0, "1f.2");
	sample_devices[0][0].guest_devfn = sample_devices[0][1].guest_devfn = 0x20;
	only(RULE_DEVICE_SLOT, 0, 1, "04.0");
	sample_devices[0][0].guest_devfn = d->guest_devfn = 0x20;
	assert_int_equal(run(NULL), OK);
}

static void sriov(void **state)
{
	struct plan_device *d = &sample_devices[1][0];

	d->sriov_vfs = true;
	only(RULE_DEVICE_SRIOV, 1, 0, "that is no number");
	d->sriov_vfs = true;
	d->num_vfs = 2;
	assert_int_equal(run(NULL), OK);
	sample_functions[SAMPLE_NIC].vfs = 0;
	only(RULE_DEVICE_SRIOV, 1, 0, "has no SR-IOV");
	d->sriov_vfs = true;
	d->num_vfs = 8;
	only(RULE_DEVICE_SRIOV, 1, 0, "is to give 8 virtual functions for beta, but has 7");
	d->sriov_vfs = true;
	d->num_vfs = 7;
	sample_functions[SAMPLE_NIC].no_vfs = "there is no room for them";
	only(RULE_DEVICE_SRIOV, 1, 0, "for beta, but there is no room for them");
	d->num_vfs = 2;
	only(RULE_DEVICE_SRIOV, 1, 0, "as a whole");
}

/* The sample's USB controller as a virtual function of its NIC. */
static void make_virtual(void)
{
	sample_functions[SAMPLE_USB].is_vf = true;
	sample_functions[SAMPLE_USB].pf = SAMPLE_NIC;
	sample_machine.nreserved = 0;
	sample_ws[0].ndevices = 1;
	sample_ws[1].ndevices = 1;
	sample_devices[0][0] = sample_device(SAMPLE_USB);
	sample_devices[1][0] = sample_device(SAMPLE_NIC);
}

static void virtual_functions(void **state)
{
	struct plan_device *d = &sample_devices[1][0];

	make_virtual();
	only(
	    RULE_VIRTUAL_FUNCTION, 0, 0,
	    "0000:00:14.0 cannot go to alpha: it is a virtual function of 0000:00:03.0, which goes "
	    "to beta as a whole");
	make_virtual();
	d->sriov_vfs = true;
	d->num_vfs = 2;
	assert_int_equal(run(NULL), OK);
	/* torn within one workstation */
	make_virtual();
	sample_ws[1].ndevices = 2;
	sample_ws[0].ndevices = 0;
	sample_devices[1][1] = sample_device(SAMPLE_USB);
	only(RULE_VIRTUAL_FUNCTION, 1, 1, "which goes to beta as a whole");
	make_virtual();
	sample_ws[1].ndevices = 0;
	only(RULE_VIRTUAL_FUNCTION, 0, 0, "which nobody asks for any");
	make_virtual();
	sample_functions[SAMPLE_USB].pf = SAMPLE_FUNCTIONS;
	only(RULE_VIRTUAL_FUNCTION, 0, 0, "a card that is not there");
	make_virtual();
	d->sriov_vfs = true;
	d->num_vfs = 2;
	sample_functions[SAMPLE_USB].vf = 2;
	only(RULE_VIRTUAL_FUNCTION, 0, 0,
	     "it is number 3 of the virtual functions of 0000:00:03.0, which beta asks for 2");
}

/*
 * At boot those that were asked for are on, also when whoever asked is refused for something else.
 */
static void virtual_functions_that_are_on(void **state)
{
	make_virtual();
	sample_functions[SAMPLE_NIC].vfs_on = true;
	sample_ws[1].ndevices = 0;
	assert_int_equal(run(NULL), OK);
	sample_ws[1].ndevices = 1;
	sample_ws[0].ndevices = 0;
	only(RULE_VIRTUAL_FUNCTION, 1, 0,
	     "0000:00:03.0 cannot go to beta as a whole: its virtual functions are switched on");
	/* what is not there names the card that should have given it */
	make_virtual();
	sample_devices[1][0].sriov_vfs = true;
	sample_devices[1][0].num_vfs = 2;
	sample_functions[SAMPLE_NIC].no_vfs = "there is no room for them";
	sample_devices[0][0].path.devfn[0] = 0x81;
	assert_int_equal(run(NULL), ERR_PERM);
	assert_int_equal(nfound, 2);
	assert_int_equal(found[0].rule, RULE_DEVICE_UNKNOWN);
	assert_non_null(strstr(found[0].text, "may be a virtual function of 0000:00:03.0"));
	assert_int_equal(found[1].rule, RULE_DEVICE_SRIOV);
}

static void groups(void **state)
{
	sample_ws[0].ndevices = 1;
	only(RULE_GROUP_SPLIT, 0, 0, "leaves to nobody");
	sample_ws[0].ndevices = 1;
	sample_ws[1].ndevices = 2;
	sample_functions[SAMPLE_AUDIO].resets |= RESET_FLR;
	sample_devices[1][1] = sample_device(SAMPLE_AUDIO);
	only(RULE_GROUP_SPLIT, 1, 1, "0000:01:00.0 (10de:1b80, class 020000), which goes to alpha");
	/* A bridge in the group carries no owner. */
	sample_functions[SAMPLE_PORT].group = 1;
	assert_int_equal(run(NULL), OK);
	/* A function that serves its VFs is the hypervisor's, not the workstation's. */
	sample_functions[SAMPLE_NIC].group = 1;
	sample_devices[1][0].sriov_vfs = true;
	sample_devices[1][0].num_vfs = 1;
	only(RULE_GROUP_SPLIT, 0, 0, "0000:00:03.0");
}

/* A GPU whose audio could be isolated from it: together all the same. */
static void companions(void **state)
{
	sample_functions[SAMPLE_GPU].class_code = 0x030000;
	sample_functions[SAMPLE_AUDIO].resets = RESET_FLR;
	sample_functions[SAMPLE_AUDIO].group = 9;
	assert_int_equal(run(NULL), OK);
	sample_ws[0].ndevices = 1;
	only(RULE_DEVICE_SPLIT, 0, 0, "without 0000:01:00.1 (class 020000) of the same card");

	sample_functions[SAMPLE_GPU].class_code = 0x030000;
	sample_functions[SAMPLE_AUDIO].resets = RESET_FLR;
	sample_functions[SAMPLE_AUDIO].group = 9;
	sample_ws[0].ndevices = 1;
	sample_devices[1][1] = sample_device(SAMPLE_AUDIO);
	sample_ws[1].ndevices = 2;
	only(RULE_DEVICE_SPLIT, 0, 0, "which goes to beta");

	/* what is no display may be split where it can be isolated */
	sample_functions[SAMPLE_AUDIO].resets = RESET_FLR;
	sample_functions[SAMPLE_AUDIO].group = 9;
	sample_ws[0].ndevices = 1;
	assert_int_equal(run(NULL), OK);
}

static void bars(void **state)
{
	struct machine_bar *nic = sample_functions[SAMPLE_NIC].bar;

	nic[0] = (struct machine_bar){.base = 0xe0000000, .size = MIB(1)};
	nic[2] = (struct machine_bar){.size = 32, .io = true};
	sample_functions[SAMPLE_USB].bar[0] =
	    (struct machine_bar){.base = 0xe0100000, .size = KIB(64)};
	assert_int_equal(run(NULL), OK);
	nic[0].base = 0;
	only(RULE_DEVICE_BAR, 1, 0, "the firmware gave its BAR 0 (1024 KiB) no address");
	nic[0] = (struct machine_bar){.base = GIB(7), .size = GIB(2)};
	only(RULE_DEVICE_BAR, 1, 0, "which is memory");
	nic[0] = (struct machine_bar){.base = 0xe0100000, .size = MIB(1)};
	sample_functions[SAMPLE_USB].bar[0] =
	    (struct machine_bar){.base = 0xe0180000, .size = KIB(64)};
	only(RULE_DEVICE_BAR, 1, 0, "as does 0000:00:14.0");
}

static void bus_resets(void **state)
{
	/* The audio function goes down with the bus, together with the GPU: fine in the sample. */
	sample_ws[0].ndevices = 1;
	sample_devices[0][0] = sample_device(SAMPLE_AUDIO);
	sample_functions[SAMPLE_AUDIO].group = 9;
	only(RULE_NO_RESET, 0, 0, "0000:01:00.0 on that bus does not go to alpha");
	/* On the root bus there is no bridge to reset it by. */
	sample_functions[SAMPLE_NIC].resets = RESET_BUS;
	only(RULE_NO_RESET, 1, 0, "no way to reset");
}

static void reserved_ranges(void **state)
{
	const char *text = "keeps reaching [0x7f800000, 0x7f820000)";

	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_USB);
	only(RULE_RESERVED_RANGE, 1, 1, "the firmware demands");
	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_USB);
	sample_devices[1][1].keep_reserved = true;
	assert_int_equal(run(NULL), OK);
	sample_reserved[0].base = PADDR(GIB(5) + MIB(4));
	assert_int_equal(run(NULL), ERR_PERM);
	assert_non_null(strstr(found[0].text, "memory of alpha lies"));
	sample_reset();
	sample_ws[1].ndevices = 2;
	sample_devices[1][1] = sample_device(SAMPLE_USB);
	sample_devices[1][1].keep_reserved = true;
	sample_ram[1][1].size = GIB(2);
	sample_ram[1][1].hpa = PADDR(GIB(6));
	only(RULE_RESERVED_RANGE, 1, 1, text);
}

static void changes_while_running(void **state)
{
	static struct plan_workstation was_ws[2];
	struct plan was = sample_plan;

	memcpy(was_ws, sample_ws, sizeof(was_ws));
	was.workstations = was_ws;
	assert_int_equal(run(&was), OK);
	/* Ending one, and starting one, change nothing of the other. */
	sample_plan.nworkstations = 1;
	assert_int_equal(run(&was), OK);
	sample_reset();
	was.nworkstations = 1;
	assert_int_equal(run(&was), OK);

	was_ws[0].cmdline = "quiet";
	assert_int_equal(run(&was), ERR_PERM);
	assert_int_equal(found[0].rule, RULE_RUNNING_CHANGED);
	assert_int_equal(found[0].workstation, 0);
	memcpy(was_ws, sample_ws, sizeof(was_ws));
	was.bundle.size += PAGE_SIZE;
	assert_int_equal(run(&was), ERR_PERM);
	assert_int_equal(found[0].rule, RULE_RUNNING_CHANGED);
}

static void all_conflicts_in_one_run(void **state)
{
	sample_ws_cpus[1][1] = 99;
	sample_ram[0][0].hpa = PADDR(GIB(7) + MIB(2));
	sample_devices[1][0].device++;
	sample_plan.host_cpu = 3;
	assert_int_equal(run(NULL), ERR_PERM);
	assert_int_equal(nfound, 4);
	/* Nobody listening changes nothing. */
	assert_int_equal(prove(&sample_machine, NULL, &sample_plan, NULL, NULL), ERR_PERM);
}

static void every_rule_has_a_name(void **state)
{
	for (u32 i = 0; i < RULE_COUNT; i++)
		for (u32 k = 0; k < i; k++)
			assert_string_not_equal(rule_name(i), rule_name(k));
	assert_string_equal(rule_name(RULE_COUNT), "unknown-rule");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_sample_is_accepted, setup),
	    cmocka_unit_test_setup(the_machine, setup),
	    cmocka_unit_test_setup(names, setup),
	    cmocka_unit_test_setup(processors, setup),
	    cmocka_unit_test_setup(memory_of_the_hypervisor, setup),
	    cmocka_unit_test_setup(memory_of_workstations, setup),
	    cmocka_unit_test_setup(guest_addresses, setup),
	    cmocka_unit_test_setup(a_plan_for_no_machine, setup),
	    cmocka_unit_test_setup(devices, setup),
	    cmocka_unit_test_setup(sriov, setup),
	    cmocka_unit_test_setup(virtual_functions, setup),
	    cmocka_unit_test_setup(virtual_functions_that_are_on, setup),
	    cmocka_unit_test_setup(groups, setup),
	    cmocka_unit_test_setup(companions, setup),
	    cmocka_unit_test_setup(bars, setup),
	    cmocka_unit_test_setup(bus_resets, setup),
	    cmocka_unit_test_setup(reserved_ranges, setup),
	    cmocka_unit_test_setup(changes_while_running, setup),
	    cmocka_unit_test_setup(all_conflicts_in_one_run, setup),
	    cmocka_unit_test_setup(every_rule_has_a_name, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
