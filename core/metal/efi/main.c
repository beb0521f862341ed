/*
 * BOOTX64.EFI: the hypervisor as a UEFI application. It reads the bundle with the firmware's own
 * file system driver, fills a struct boot_info, leaves the firmware, copies the image to where it
 * must lie and enters it. Refusals that can wait are left to the hypervisor, which has a log.
 */
#include "core/base/fmt.h"
#include "core/metal/efi/efi.h"

static const struct efi_guid graphics = {
    0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}};
static const struct efi_guid acpi_2 = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
static const struct efi_guid acpi_1 = {
    0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
static const struct efi_guid caprock = CAPROCK_VARIABLES;

struct efi_system_table *efi;
efi_handle efi_image;

efi_status efi_main(efi_handle image, struct efi_system_table *system);

static void print_line(const char *text)
{
	char16 line[256];
	u32 n = 0;

	for (; text[n] && n + 3 < ARRAY_SIZE(line); n++)
		line[n] = (u8)text[n];
	line[n++] = '\r';
	line[n++] = '\n';
	line[n] = 0;
	efi->out->output(efi->out, line);
}

void efi_print(const char *format, ...)
{
	char line[250];
	va_list ap;

	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);
	print_line(line);
}

void efi_halt(const char *remedy, const char *format, ...)
{
	char line[250];
	va_list ap;

	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);
	print_line("Caprock cannot start:");
	print_line(line);
	print_line(remedy);
	print_line("halted");
	for (;;)
		efi->boot->stall(1000000);
}

const char *efi_status_text(efi_status s)
{
	static const char *const texts[] = {
	    [1] = "it cannot be loaded",
	    [2] = "the firmware calls that invalid",
	    [3] = "the firmware does not support that",
	    [7] = "the device reports an error",
	    [8] = "it is write-protected",
	    [9] = "there is not enough memory",
	    [10] = "its file system is damaged",
	    [11] = "the volume is full",
	    [12] = "there is no medium",
	    [13] = "the medium was changed",
	    [14] = "it is not there",
	    [15] = "access is denied",
	};
	u64 n = s & ~(1ull << 63);

	return n < ARRAY_SIZE(texts) && texts[n] ? texts[n] : "the firmware reports an error";
}

char efi_confirmed(void)
{
	u64 size = 1;
	char slot;

	return efi->runtime->get_variable(CONFIRM_VARIABLE, &caprock, NULL, &size, &slot) ? 0
											  : slot;
}

bool efi_forget_confirmed(void)
{
	if (efi_confirmed())
		efi->runtime->set_variable(CONFIRM_VARIABLE, &caprock, 0, 0, NULL);
	return !efi_confirmed();
}

/* The last words of a run that crashed, to be told once. */
static void take_crash(struct boot_info *b)
{
	u64 size = sizeof(b->crash) - 1;

	if (efi->runtime->get_variable(CRASH_VARIABLE, &caprock, NULL, &size, b->crash)) {
		b->crash[0] = '\0';
		return;
	}
	b->crash[size] = '\0';
	efi->runtime->set_variable(CRASH_VARIABLE, &caprock, 0, 0, NULL);
}

static bool guid_equal(const struct efi_guid *a, const struct efi_guid *b)
{
	const u64 *x = (const void *)a, *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1];
}

static u64 find_rsdp(void)
{
	u64 old = 0;

	for (u64 i = 0; i < efi->ntables; i++) {
		const struct efi_table *t = &efi->tables[i];

		if (guid_equal(&t->guid, &acpi_2))
			return (u64)t->table;
		if (guid_equal(&t->guid, &acpi_1))
			old = (u64)t->table;
	}
	return old;
}

/* Position of a colour's mask. */
static u8 shift_of(u32 mask)
{
	return mask ? (u8)__builtin_ctz(mask) : 0;
}

static void find_screen(struct boot_framebuffer *fb)
{
	const struct efi_graphics_info *i;
	struct efi_graphics *g;

	/* The one the console is on, else any. */
	if (efi->boot->handle_protocol(efi->out_handle, &graphics, &g) &&
	    efi->boot->locate_protocol(&graphics, NULL, &g))
		return;
	i = g->mode->info;
	if (i->format >= EFI_PIXELS_BLT_ONLY || !g->mode->base)
		return;
	*fb = (struct boot_framebuffer){
	    .base = g->mode->base,
	    .width = i->width,
	    .height = i->height,
	    .pitch = i->line * 4,
	    .bits = 32,
	};
	if (i->format == EFI_PIXELS_MASK) {
		fb->red_shift = shift_of(i->red);
		fb->green_shift = shift_of(i->green);
		fb->blue_shift = shift_of(i->blue);
		return;
	}
	fb->red_shift = i->format == EFI_PIXELS_RGB ? 0 : 16;
	fb->green_shift = 8;
	fb->blue_shift = i->format == EFI_PIXELS_RGB ? 16 : 0;
}

efi_status efi_main(efi_handle image, struct efi_system_table *system)
{
	struct boot_info *b;
	u64 start = __builtin_ia32_rdtsc();

	efi = system;
	efi_image = image;
	efi->boot->set_watchdog(0, 0, 0, NULL);
	efi_check_range();
	efi_prepare();
	b = (void *)efi_pages((sizeof(*b) + PAGE_SIZE - 1) / PAGE_SIZE, BOOT_EARLY_LIMIT);
	if (!b)
		efi_halt("Give the machine more memory", "there is no free memory below 4 GiB");
	*b = (struct boot_info){
	    .magic = BOOT_INFO_MAGIC,
	    .source = BOOT_FROM_UEFI,
	    .start_tsc = start,
	    .rsdp = find_rsdp(),
	    .set_variable = (u64)efi->runtime->set_variable,
	};
	find_screen(&b->fb);
	take_crash(b);
	efi_load_bundle(b);
	efi_leave(b);
	efi_enter(b);
}
