/* What /sys/bus/pci tells of a function besides its configuration space. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "passthrough/host/survey.h"

/* Bits of the third word in `resource`, as Linux has them since 2.6 (include/linux/ioport.h). */
#define RESOURCE_IO	  0x00000100
#define RESOURCE_PREFETCH 0x00002000
#define RESOURCE_64	  0x00100000
#define RESOURCE_SHADOW	  0x00000002 /* of the ROM */

static void attribute_path(struct bdf b, const char *name, char *out, size_t size)
{
	snprintf(out, size, "/sys/bus/pci/devices/%04x:%02x:%02x.%x/%s", b.segment, b.bus,
		 b.devfn >> 3, b.devfn & 7, name);
}

static bool read_number(struct bdf b, const char *name, long *out)
{
	char path[128];
	FILE *f;
	bool good;

	attribute_path(b, name, path, sizeof(path));
	f = fopen(path, "r");
	if (!f)
		return false;
	good = fscanf(f, "%li", out) == 1;
	fclose(f);
	return good;
}

/* The last part of where a link points to; false when there is none. */
static bool read_link(struct bdf b, const char *name, char *out, size_t size)
{
	char path[128], target[512];
	const char *last;
	ssize_t n;

	attribute_path(b, name, path, sizeof(path));
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = 0;
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return false;
	strcpy(out, last);
	return true;
}

/* One line a BAR, then the ROM: first, last, flags. The only place that tells VFs' BARs. */
static void read_resources(struct survey_function *f)
{
	unsigned long long first, last, flags;
	char path[128];
	FILE *file;

	attribute_path(f->bdf, "resource", path, sizeof(path));
	file = fopen(path, "r");
	if (!file)
		return;
	for (u32 i = 0; i < 7; i++) {
		if (fscanf(file, "%llx %llx %llx", &first, &last, &flags) != 3)
			break;
		if (!flags || last < first)
			continue;
		if (i == 6) {
			f->rom = true;
			f->rom_size = last - first + 1;
			f->rom_shadow = flags & RESOURCE_SHADOW;
		} else if ((f->config[0x0e] & 0x7f) == 0 || i < 2) {
			f->bar_there[i] = true;
			f->bar[i] = (struct machine_bar){.base = first,
							 .size = last - first + 1,
							 .io = flags & RESOURCE_IO,
							 .is64 = flags & RESOURCE_64,
							 .prefetch = flags & RESOURCE_PREFETCH};
		}
	}
	fclose(file);
}

/*
 * Reading the ROM means to switch its decoding on for a moment, which some devices share with a BAR:
 * only where no driver is at work.
 */
static void read_rom(struct survey_function *f)
{
	unsigned char start[2];
	char path[128];
	int fd;

	if (!f->rom || f->rom_shadow || (f->driver && strcmp(f->driver, "vfio-pci") != 0))
		return;
	attribute_path(f->bdf, "rom", path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (pwrite(fd, "1", 1, 0) == 1) {
		f->rom_read = true;
		f->rom_valid = pread(fd, start, 2, 0) == 2 && start[0] == 0x55 && start[1] == 0xaa;
		/* Should this fail, closing and the next driver's start leave it as it was before. */
		if (pwrite(fd, "0", 1, 0) != 1)
			f->rom_valid = false;
	}
	close(fd);
}

void survey_sysfs(struct survey *s, struct survey_function *f)
{
	unsigned segment, bus, device, function;
	char text[256];
	long n;

	if (read_number(f->bdf, "numa_node", &n) && n >= 0)
		f->node = (u32)n;
	if (read_number(f->bdf, "boot_vga", &n))
		f->boot_vga = n == 1;
	if (read_link(f->bdf, "iommu_group", text, sizeof(text)))
		f->kernel_group = (u32)strtoul(text, NULL, 10);
	if (read_link(f->bdf, "driver", text, sizeof(text)))
		f->driver = strdup(text);
	if (read_link(f->bdf, "physfn", text, sizeof(text)) &&
	    sscanf(text, "%x:%x:%x.%x", &segment, &bus, &device, &function) == 4) {
		f->is_vf = true;
		f->pf = (struct bdf){(u16)segment, (u8)bus, (u8)(device << 3 | function)};
	}
	read_resources(f);
	read_rom(f);
}
