/* What this boot hangs on: the screen that firmware drew on, the medium the system came from. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "profiles/host/facts/gather.h"

/*
 * struct screen_info at the start of the boot parameters (Linux, Documentation/arch/x86/zero-page.rst
 * and include/uapi/linux/screen_info.h): kind of video, address of the linear framebuffer.
 */
#define BOOT_PARAMS	"/sys/kernel/boot_params/data"
#define SCREEN_KIND	0x0f
#define SCREEN_BASE	0x18
#define SCREEN_BASE_TOP 0x3a
#define SCREEN_SIZE	0x40
#define KIND_VESA	0x23
#define KIND_EFI	0x70

static u64 framebuffer(void)
{
	FILE *f = fopen(BOOT_PARAMS, "rb");
	u8 s[SCREEN_SIZE];
	u32 low, high;
	size_t got;

	if (!f)
		return 0;
	got = fread(s, 1, sizeof(s), f);
	fclose(f);
	if (got != sizeof(s) || (s[SCREEN_KIND] != KIND_VESA && s[SCREEN_KIND] != KIND_EFI))
		return 0;
	memcpy(&low, s + SCREEN_BASE, 4);
	memcpy(&high, s + SCREEN_BASE_TOP, 4);
	return low | (u64)high << 32;
}

static bool lies_in(const struct facts_function *f, u64 at)
{
	for (u32 i = 0; i < f->nbars; i++)
		if (!f->bars[i].io && f->bars[i].size && at >= f->bars[i].base &&
		    at - f->bars[i].base < f->bars[i].size)
			return true;
	return false;
}

/* Without a linear framebuffer (text mode) it is the card that decodes VGA's own addresses. */
static void mark_screen(struct gather *g, struct facts_function *list)
{
	u64 at = framebuffer();

	for (u32 i = 0; i < g->facts.nfunctions; i++)
		list[i].boot_display =
		    !list[i].header_type && (at ? lies_in(&list[i], at) : g->survey.f[i].boot_vga);
}

/* ---- the medium -------------------------------------------------------------------------------------- */

/* The last PCI address on a sysfs path: the controller that the block device hangs on. */
static bool last_bdf(const char *path, struct bdf *out)
{
	unsigned segment, bus, device, function;
	bool found = false;
	int end;

	for (const char *at = path; at; at = strchr(at + 1, '/')) {
		end = 0;
		if (sscanf(at, "/%4x:%2x:%2x.%1x%n", &segment, &bus, &device, &function, &end) !=
			4 ||
		    (at[end] != '/' && at[end]))
			continue;
		*out = (struct bdf){(u16)segment, (u8)bus, (u8)(device << 3 | function)};
		found = true;
	}
	return found;
}

static void mark_device(struct gather *g, const char *sysfs, u32 depth);

/* A mapped or mirrored device lies on others. */
static void mark_slaves(struct gather *g, const char *real, u32 depth)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir;

	if (depth > 8 || snprintf(path, sizeof(path), "%s/slaves", real) >= (int)sizeof(path))
		return;
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/slaves/%s", real, d->d_name) <
		    (int)sizeof(path))
			mark_device(g, path, depth + 1);
	}
	if (dir)
		closedir(dir);
}

static void mark_device(struct gather *g, const char *sysfs, u32 depth)
{
	struct facts_function *list = (struct facts_function *)g->facts.functions;
	char real[PATH_MAX];
	struct bdf bdf;
	u32 i;

	if (!realpath(sysfs, real))
		return;
	if (last_bdf(real, &bdf)) {
		i = facts_find(&g->facts, bdf);
		if (i != FACTS_UNKNOWN)
			list[i].boot_medium = true;
	}
	mark_slaves(g, real, depth);
}

/* Some file systems (btrfs) give their files a device number of their own: the mount table knows. */
static dev_t mounted_device(const char *place)
{
	char line[1024], point[256], source[256];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	dev_t found = 0;
	struct stat st;

	while (f && fgets(line, sizeof(line), f)) {
		const char *rest = strstr(line, " - ");

		if (rest && sscanf(line, "%*s %*s %*s %*s %255s", point) == 1 &&
		    sscanf(rest, " - %*s %255s", source) == 1 && !strcmp(point, place) &&
		    !stat(source, &st) && S_ISBLK(st.st_mode))
			found = st.st_rdev;
	}
	if (f)
		fclose(f);
	return found;
}

static void mark_medium(struct gather *g)
{
	static const char *const places[] = {"/", "/boot", "/boot/efi", "/efi"};
	char path[64];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		dev_t device = stat(places[i], &st) ? 0 : st.st_dev;

		if (device && !major(device))
			device = mounted_device(places[i]);
		if (!device)
			continue; /* no such place, or no block device below it */
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(device), minor(device));
		mark_device(g, path, 0);
	}
}

void gather_boot(struct gather *g)
{
	mark_screen(g, (struct facts_function *)g->facts.functions);
	mark_medium(g);
}
