#include "profiles/host/facts/schema.h"
#include "core/base/mem.h"

/* clang-format off */
#define WORDS(name, ...) static const char *const name[] = {__VA_ARGS__, NULL}

WORDS(memory_kinds, "ram", "reserved", "mmio");
WORDS(iommu_kinds, "none", "vt-d", "amd-vi");
WORDS(ports, "conventional", "endpoint", "root-port", "upstream-port", "downstream-port",
      "pcie-to-pci-bridge", "pci-to-pcie-bridge", "integrated", "event-collector");
WORDS(rom_states, "none", "present", "readable", "bad", "shadow");
WORDS(reset_words, "flr", "af-flr", "pm", "bus");

#define AT(s, f) .key = #f, .offset = offsetof(struct s, f), .width = sizeof(((struct s *)0)->f)
#define NUMBER(s, f, ...) {AT(s, f), .kind = MEMBER_NUMBER, __VA_ARGS__}
#define HEX(s, f, ...)	  {AT(s, f), .kind = MEMBER_HEX, __VA_ARGS__}
#define SIZE(s, f, ...)	  {AT(s, f), .kind = MEMBER_SIZE, __VA_ARGS__}
#define BOOL(s, f, ...)	  {AT(s, f), .kind = MEMBER_BOOL, __VA_ARGS__}
#define TEXT(s, f, ...)	  {AT(s, f), .kind = MEMBER_TEXT, __VA_ARGS__}
#define ENUM(s, f, w, ...) {AT(s, f), .kind = MEMBER_ENUM, .words = w, __VA_ARGS__}
#define FLAGS(s, f, w)	  {AT(s, f), .kind = MEMBER_FLAGS, .words = w}
#define BDF(s, f, ...)	  {AT(s, f), .kind = MEMBER_BDF, __VA_ARGS__}
#define PATH(s, f, ...)	  {AT(s, f), .kind = MEMBER_PATH, __VA_ARGS__}
#define OBJECT(s, f, o)	  {AT(s, f), .kind = MEMBER_OBJECT, .of = &o}
#define LIST(s, f, c, o)  {AT(s, f), .kind = MEMBER_LIST, .of = &o, .count = offsetof(struct s, c)}
#define REQUIRED .required = true
#define DIGITS(n) .digits = (n)
#define UNKNOWABLE .unknowable = true
#define SHAPE(shape_, words_, type, flow_) \
	static const struct shape shape_ = {words_, sizeof(type), ARRAY_SIZE(shape_##_members), shape_##_members, flow_}

static const struct member text_item_members[] = {{.kind = MEMBER_TEXT}};
SHAPE(text_item, "a text", const char *, false);
static const struct member number_item_members[] = {{.kind = MEMBER_NUMBER, .width = 4}};
SHAPE(number_item, "a number", u32, true);
static const struct member bdf_item_members[] = {{.kind = MEMBER_BDF}};
SHAPE(bdf_item, "an address", struct bdf, true);

static const struct member firmware_members[] = {
	TEXT(facts_firmware, vendor),
	TEXT(facts_firmware, version),
	TEXT(facts_firmware, date),
	TEXT(facts_firmware, system_vendor),
	TEXT(facts_firmware, product),
	TEXT(facts_firmware, board),
	TEXT(facts_firmware, boot),
};
SHAPE(firmware, "firmware", struct facts_firmware, false);

static const struct member cpu_members[] = {
	NUMBER(facts_cpu, apic_id, REQUIRED),
	NUMBER(facts_cpu, package, REQUIRED),
	NUMBER(facts_cpu, core, REQUIRED),
	NUMBER(facts_cpu, thread, REQUIRED),
	NUMBER(facts_cpu, node, UNKNOWABLE),
};
SHAPE(cpu, "a processor", struct facts_cpu, true);

static const struct member processors_members[] = {
	TEXT(facts_processors, vendor),
	TEXT(facts_processors, model),
	BOOL(facts_processors, svm),
	BOOL(facts_processors, vmx),
	BOOL(facts_processors, virtualization, REQUIRED),
	BOOL(facts_processors, nested_paging, REQUIRED),
	BOOL(facts_processors, x2apic, REQUIRED),
	BOOL(facts_processors, smt),
	NUMBER(facts_processors, phys_bits),
	NUMBER(facts_processors, boot_apic_id, REQUIRED),
	LIST(facts_processors, cpus, ncpus, cpu),
};
SHAPE(processors, "processors", struct facts_processors, false);

static const struct member node_members[] = {
	NUMBER(facts_node, id, REQUIRED),
	SIZE(facts_node, memory),
	LIST(facts_node, distances, ndistances, number_item),
};
SHAPE(node, "a node", struct facts_node, true);

static const struct member memory_members[] = {
	HEX(facts_memory, base, REQUIRED),
	SIZE(facts_memory, size, REQUIRED),
	ENUM(facts_memory, kind, memory_kinds, REQUIRED),
	NUMBER(facts_memory, node, UNKNOWABLE),
	TEXT(facts_memory, what),
};
SHAPE(memory, "a memory range", struct facts_memory, true);

static const struct member unit_members[] = {
	NUMBER(facts_unit, segment, REQUIRED),
	HEX(facts_unit, registers, REQUIRED),
	SIZE(facts_unit, register_size),
	BOOL(facts_unit, rest),
	HEX(facts_unit, features),
	NUMBER(facts_unit, node, UNKNOWABLE),
	LIST(facts_unit, scopes, nscopes, text_item),
};
SHAPE(unit, "an IOMMU", struct facts_unit, false);

static const struct member reserved_members[] = {
	HEX(facts_reserved, base, REQUIRED),
	SIZE(facts_reserved, size, REQUIRED),
	BOOL(facts_reserved, read),
	BOOL(facts_reserved, write),
	LIST(facts_reserved, scopes, nscopes, text_item),
	LIST(facts_reserved, functions, nfunctions, bdf_item),
};
SHAPE(reserved, "a reserved range", struct facts_reserved, false);

static const struct member note_members[] = {
	TEXT(facts_note, level, REQUIRED),
	TEXT(facts_note, name, REQUIRED),
	TEXT(facts_note, text, REQUIRED),
	TEXT(facts_note, remedy),
};
SHAPE(note, "a note", struct facts_note, false);

static const struct member iommu_members[] = {
	ENUM(facts_iommu, kind, iommu_kinds, REQUIRED),
	NUMBER(facts_iommu, units, REQUIRED),
	NUMBER(facts_iommu, rmrr, REQUIRED),
	BOOL(facts_iommu, interrupt_remapping, REQUIRED),
	BOOL(facts_iommu, complete, REQUIRED),
	BOOL(facts_iommu, x2apic_opt_out),
	NUMBER(facts_iommu, address_bits),
	LIST(facts_iommu, unit_list, nunits, unit),
	LIST(facts_iommu, reserved, nreserved, reserved),
	LIST(facts_iommu, notes, nnotes, note),
};
SHAPE(iommu, "the IOMMUs", struct facts_iommu, false);

static const struct member bar_members[] = {
	NUMBER(facts_bar, index, REQUIRED),
	HEX(facts_bar, base, REQUIRED),
	SIZE(facts_bar, size),
	BOOL(facts_bar, io),
	BOOL(facts_bar, is64),
	BOOL(facts_bar, prefetch),
};
SHAPE(bar, "a BAR", struct facts_bar, true);

static const struct member capability_members[] = {
	HEX(facts_capability, offset, REQUIRED, DIGITS(2)),
	HEX(facts_capability, id, REQUIRED, DIGITS(2)),
	TEXT(facts_capability, name),
};
SHAPE(capability, "a capability", struct facts_capability, true);

static const struct member region_members[] = {
	NUMBER(facts_region, index, REQUIRED),
	SIZE(facts_region, size, REQUIRED),
	BOOL(facts_region, read),
	BOOL(facts_region, write),
	BOOL(facts_region, mmap),
};
SHAPE(region, "a region", struct facts_region, true);

static const struct member interrupts_members[] = {
	NUMBER(facts_interrupts, index, REQUIRED),
	NUMBER(facts_interrupts, count, REQUIRED),
};
SHAPE(interrupts, "an interrupt index", struct facts_interrupts, true);

static const struct member vfio_members[] = {
	BOOL(facts_vfio, bound),
	BOOL(facts_vfio, viable),
	BOOL(facts_vfio, reset),
	LIST(facts_vfio, regions, nregions, region),
	LIST(facts_vfio, interrupts, ninterrupts, interrupts),
};
SHAPE(vfio, "VFIO's answers", struct facts_vfio, false);

static const struct member sriov_members[] = {
	NUMBER(facts_sriov, total),
	NUMBER(facts_sriov, initial),
	NUMBER(facts_sriov, enabled),
	NUMBER(facts_sriov, first_offset),
	NUMBER(facts_sriov, stride),
	HEX(facts_sriov, vf_device, DIGITS(4)),
	LIST(facts_sriov, bars, nbars, bar),
};
SHAPE(sriov, "SR-IOV", struct facts_sriov, false);

static const struct member acs_members[] = {
	BOOL(facts_acs, present),
	HEX(facts_acs, capable, DIGITS(4)),
	HEX(facts_acs, enabled, DIGITS(4)),
};
SHAPE(acs, "access control", struct facts_acs, true);

static const struct member function_members[] = {
	BDF(facts_function, bdf, REQUIRED),
	PATH(facts_function, path, REQUIRED),
	HEX(facts_function, vendor, REQUIRED, DIGITS(4)),
	HEX(facts_function, device, REQUIRED, DIGITS(4)),
	HEX(facts_function, subvendor, DIGITS(4)),
	HEX(facts_function, subdevice, DIGITS(4)),
	TEXT(facts_function, vendor_name),
	TEXT(facts_function, device_name),
	TEXT(facts_function, subsystem_name),
	TEXT(facts_function, class_name),
	HEX(facts_function, class_code, REQUIRED, DIGITS(6)),
	HEX(facts_function, revision, DIGITS(2)),
	NUMBER(facts_function, header_type),
	BOOL(facts_function, multifunction),
	NUMBER(facts_function, secondary),
	NUMBER(facts_function, subordinate),
	ENUM(facts_function, port, ports),
	HEX(facts_function, serial, DIGITS(16)),
	NUMBER(facts_function, node, UNKNOWABLE),
	FLAGS(facts_function, resets, reset_words),
	NUMBER(facts_function, msi_vectors),
	NUMBER(facts_function, msix_vectors),
	BOOL(facts_function, ats),
	OBJECT(facts_function, acs, acs),
	OBJECT(facts_function, sriov, sriov),
	BOOL(facts_function, is_vf),
	BDF(facts_function, pf),
	LIST(facts_function, bars, nbars, bar),
	SIZE(facts_function, rom_size),
	ENUM(facts_function, rom, rom_states),
	LIST(facts_function, capabilities, ncapabilities, capability),
	NUMBER(facts_function, config_size),
	NUMBER(facts_function, group, REQUIRED),
	NUMBER(facts_function, kernel_group, UNKNOWABLE),
	TEXT(facts_function, driver),
	BOOL(facts_function, boot_display),
	BOOL(facts_function, boot_medium),
	BOOL(facts_function, assignable),
	TEXT(facts_function, because),
	TEXT(facts_function, unfit),
	OBJECT(facts_function, vfio, vfio),
};
SHAPE(function, "a function", struct facts_function, false);

static const struct member mode_members[] = {
	NUMBER(facts_mode, width, REQUIRED),
	NUMBER(facts_mode, height, REQUIRED),
	NUMBER(facts_mode, millihertz),
	BOOL(facts_mode, preferred),
};
SHAPE(mode, "a mode", struct facts_mode, true);

static const struct member output_members[] = {
	TEXT(facts_output, name, REQUIRED),
	BOOL(facts_output, connected),
	NUMBER(facts_output, width_mm),
	NUMBER(facts_output, height_mm),
	TEXT(facts_output, monitor),
	TEXT(facts_output, edid),
	LIST(facts_output, modes, nmodes, mode),
};
SHAPE(output, "an output", struct facts_output, false);

static const struct member gpu_members[] = {
	BDF(facts_gpu, bdf, REQUIRED),
	TEXT(facts_gpu, driver),
	SIZE(facts_gpu, memory),
	LIST(facts_gpu, outputs, noutputs, output),
};
SHAPE(gpu, "a GPU", struct facts_gpu, false);

static const struct member facts_members[] = {
	NUMBER(facts, version, REQUIRED),
	TEXT(facts, source),
	LIST(facts, missing, nmissing, text_item),
	OBJECT(facts, firmware, firmware),
	OBJECT(facts, processors, processors),
	LIST(facts, nodes, nnodes, node),
	LIST(facts, memory, nmemory, memory),
	OBJECT(facts, iommu, iommu),
	LIST(facts, functions, nfunctions, function),
	LIST(facts, gpus, ngpus, gpu),
};
/* clang-format on */

const struct shape facts_shape = {"a machine file", sizeof(struct facts), ARRAY_SIZE(facts_members),
				  facts_members, false};

u64 member_number(const struct member *m, const void *object)
{
	u64 v = 0;

	/* little-endian, as every machine this runs on */
	memcpy(&v, (const u8 *)object + m->offset, m->width);
	return v;
}

static bool zero(const void *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (((const u8 *)p)[i])
			return false;
	return true;
}

static bool object_absent(const struct shape *s, const void *object)
{
	for (u32 i = 0; i < s->n; i++)
		if (!member_absent(&s->members[i], object))
			return false;
	return true;
}

bool member_absent(const struct member *m, const void *object)
{
	const u8 *at = (const u8 *)object + m->offset;

	switch (m->kind) {
	case MEMBER_TEXT:
		return !*(const char *const *)at;
	case MEMBER_BDF:
		return zero(at, sizeof(struct bdf));
	case MEMBER_PATH:
		return zero(at, sizeof(struct pci_path));
	case MEMBER_OBJECT:
		return object_absent(m->of, at);
	case MEMBER_LIST:
		return !*(const u32 *)((const u8 *)object + m->count);
	case MEMBER_BOOL:
		return !*(const bool *)at;
	default:
		return member_number(m, object) == (m->unknowable ? FACTS_UNKNOWN : 0);
	}
}
