/*
 * What the guest's ACPI interpreter sees: a PCI Express host bridge with its windows, the ECAM
 * window reserved, COM1, a power button behind a Generic Event Device, and soft off.
 */
#include "core/vcpu/gacpi_dsdt.h"
#include "core/vcpu/platform.h"

#define OP_ARG3	      0x6b
#define OP_RETURN     0xa4
#define OP_PACKAGE    0x12
#define OP_NOTIFY     0x86
#define OP_EXT	      0x5b
#define OP_OPREGION   0x80
#define OP_FIELD      0x81
#define REGION_IO     1
#define FIELD_BYTE    1
#define NOTIFY_BUTTON 0x80

static void window(struct aml *a, const struct layout_window *w)
{
	if (w->size)
		aml_res_memory_window(a, w->base, w->size);
}

static void host_bridge(struct aml *a, const struct gacpi_config *c)
{
	const struct layout *l = c->layout;
	aml_mark device = aml_begin_device(a, "PCI0"), m;

	aml_name_eisa(a, "_HID", "PNP0A08");
	aml_name_eisa(a, "_CID", "PNP0A03");
	aml_name_integer(a, "_SEG", 0);
	aml_name_integer(a, "_BBN", 0);
	aml_name_integer(a, "_UID", 0);
	m = aml_begin_crs(a);
	aml_res_bus_range(a, 0, (u16)(l->ecam_buses - 1));
	aml_res_io(a, 0xcf8, 8);
	aml_res_io_range(a, 0x1000, 0xffff);
	window(a, &l->mmio32[0]);
	window(a, &l->mmio32[1]);
	window(a, &l->mmio64);
	aml_end_crs(a, m);
	/* _OSC(uuid, revision, count, capabilities): everything asked for is granted. */
	m = aml_begin_method(a, "_OSC", 4);
	aml_byte(a, OP_RETURN);
	aml_byte(a, OP_ARG3);
	aml_end(a, m);
	aml_end(a, device);
}

static void reserved_ecam(struct aml *a, const struct gacpi_config *c)
{
	aml_mark device = aml_begin_device(a, "MCFG"), m;

	aml_name_eisa(a, "_HID", "PNP0C02");
	aml_name_integer(a, "_UID", 1);
	m = aml_begin_crs(a);
	aml_res_memory32(a, LAYOUT_ECAM, (u32)c->layout->ecam_buses << 20);
	aml_end_crs(a, m);
	aml_end(a, device);
}

static void com1(struct aml *a)
{
	aml_mark device = aml_begin_device(a, "COM1"), m;

	aml_name_eisa(a, "_HID", "PNP0501");
	aml_name_integer(a, "_UID", 1);
	m = aml_begin_crs(a);
	aml_res_io(a, 0x3f8, 8);
	aml_res_interrupt(a, PLATFORM_PIN_COM1);
	aml_end_crs(a, m);
	aml_end(a, device);
}

static void rtc(struct aml *a)
{
	aml_mark device = aml_begin_device(a, "RTC0"), m;

	aml_name_eisa(a, "_HID", "PNP0B00");
	m = aml_begin_crs(a);
	aml_res_io(a, 0x70, 2);
	aml_end_crs(a, m);
	aml_end(a, device);
}

/* The GED's method reads the event port, which clears it, and tells the button (ACPI 6.5 §5.6.9). */
static void power_button(struct aml *a)
{
	aml_mark device = aml_begin_device(a, "PWRB"), m, branch;

	aml_name_eisa(a, "_HID", "PNP0C0C");
	aml_end(a, device);

	device = aml_begin_device(a, "GED_");
	aml_name(a, "_HID");
	aml_string(a, "ACPI0013");
	aml_name_integer(a, "_UID", 0);
	m = aml_begin_crs(a);
	aml_res_interrupt(a, PLATFORM_PIN_GED);
	aml_end_crs(a, m);
	aml_byte(a, OP_EXT);
	aml_byte(a, OP_OPREGION);
	aml_name_seg(a, "EVTR");
	aml_byte(a, REGION_IO);
	aml_integer(a, PM_EVENT);
	aml_integer(a, 1);
	aml_byte(a, OP_EXT);
	aml_byte(a, OP_FIELD);
	aml_byte(a, 11); /* PkgLength in its one-byte form: this field list never grows */
	aml_name_seg(a, "EVTR");
	aml_byte(a, FIELD_BYTE);
	aml_name_seg(a, "EVTS");
	aml_byte(a, 8); /* bits */
	m = aml_begin_method(a, "_EVT", 1);
	branch = aml_begin_if(a);
	aml_name_seg(a, "EVTS");
	aml_byte(a, OP_NOTIFY);
	aml_name_seg(a, "PWRB");
	aml_integer(a, NOTIFY_BUTTON);
	aml_end(a, branch);
	aml_end(a, m);
	aml_end(a, device);
}

void gacpi_write_dsdt(struct aml *a, const struct gacpi_config *c)
{
	aml_mark m = aml_begin_scope(a, "_SB_");

	host_bridge(a, c);
	reserved_ecam(a, c);
	com1(a);
	rtc(a);
	power_button(a);
	aml_end(a, m);

	aml_name(a, "_S5_");
	aml_byte(a, OP_PACKAGE);
	aml_byte(a, 8); /* PkgLength: itself, the count, and what follows */
	aml_byte(a, 4);
	aml_integer(a, PM_S5);
	aml_integer(a, PM_S5);
	aml_integer(a, 0);
	aml_integer(a, 0);
}
