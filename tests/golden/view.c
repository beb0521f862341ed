/*
 * view DUMP: what a guest would see of each function in a dump by `lspci -x`, `-xxx` or `-xxxx` (with
 * -v, BARs have the sizes it names). Prints dumps of the same kind, or a line that says why a function
 * cannot be assigned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passthrough/quirks/quirks.h"
#include "passthrough/view.h"
#include "passthrough/vpci/device.h"
#include "tests/fake/machine.h"

struct dump {
	char name[96]; /* the line that names it */
	u32 bytes;
	u8 config[4096], writable[4096];
	u64 size[6];
};

static struct dump d;
static struct pci_function fn;
static struct vpci_device view;
static struct vdev_vector vectors[2048];

static u32 dump_read(void *model, u16 off, u8 width)
{
	u32 v = 0;

	if (off + width > d.bytes)
		return (u32)((1ull << 8 * width) - 1);
	memcpy(&v, d.config + off, width);
	return v;
}

static void dump_write(void *model, u16 off, u8 width, u32 v)
{
	for (u32 i = 0; i < width; i++) {
		u8 w = d.writable[off + i];

		d.config[off + i] = (u8)((d.config[off + i] & ~w) | (v >> 8 * i & w));
	}
}

static const struct fake_pci_ops ops = {dump_read, dump_write};

static u32 dword(u32 off)
{
	u32 v;

	memcpy(&v, d.config + off, 4);
	return v;
}

static void set_writable(u32 off, u32 v)
{
	memcpy(d.writable + off, &v, 4);
}

/* Without a size in the text: what the address allows, at most 1 MiB, 256 ports. */
static void bars(void)
{
	for (u32 i = 0; i < 6; i++) {
		u32 v = dword(PCI_BAR0 + 4 * i), io = v & PCI_BAR_IO;
		u64 base = v & (io ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK), size = d.size[i];
		u32 wide = !io && (v & PCI_BAR_TYPE) == PCI_BAR_64 && i < 5;

		if (wide)
			base |= (u64)dword(PCI_BAR0 + 4 * i + 4) << 32;
		if (!size)
			size = base & -base;
		if (!d.size[i] && size > (io ? 256 : MIB(1)))
			size = io ? 256 : MIB(1);
		if (!v || !size)
			continue;
		set_writable(PCI_BAR0 + 4 * i,
			     (u32)-size & (io ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK));
		if (wide)
			set_writable(PCI_BAR0 + 4 * ++i, (u32)(-size >> 32));
	}
	if (dword(PCI_ROM) & PCI_ROM_MASK)
		set_writable(PCI_ROM, 0xffff0001);
	set_writable(PCI_COMMAND, 0x0547);
}

static int no_map(struct pdev *p, const struct pdev_window *w)
{
	return ERR_UNSUPPORTED;
}

static int no_route(struct pdev *p, u32 index, const struct pdev_guest_msi *g,
		    struct pdev_host_msi *h)
{
	return ERR_UNSUPPORTED;
}

static int no_unroute(struct pdev *p, u32 index)
{
	return ERR_UNSUPPORTED;
}

static int no_reset(struct pdev *p)
{
	return ERR_UNSUPPORTED;
}

static const struct pdev_ops engine = {
    no_map, no_map, no_route, no_unroute, no_reset, vpci_device_port_read, vpci_device_port_write,
};

static void print_view(void)
{
	u32 bytes = d.bytes < 256 ? 256 : d.bytes;

	printf("%s\n", d.name);
	for (u32 off = 0; off < bytes; off += 16) {
		printf("%02x:", off);
		for (u32 i = 0; i < 16; i++)
			printf(" %02x", view.f.ops->read(&view.f, (u16)(off + i), 1));
		putchar('\n');
	}
	putchar('\n');
}

static void show(void)
{
	struct vpci_device_config c = {
	    .host = &fn, .ops = &engine, .vectors = vectors, .below_port = true};
	struct pci_verdict v;

	fake_machine_reset();
	bars();
	fn = (struct pci_function){.bdf = {0, 1, 0}};
	fake_pci_add(fn.bdf, &ops, NULL);
	if (pci_function_read(&fn, &v)) {
		printf("# %s\n# refused: %s\n\n", d.name, v.text);
		return;
	}
	if (fn.header_type) {
		printf("# %s\n# refused: it is a bridge\n\n", d.name);
		return;
	}
	quirks_apply(&fn, false);
	view_quirks(&c);
	if (vpci_device_init(&view, &c)) {
		printf("# %s\n# refused: no view\n\n", d.name);
		return;
	}
	if (fn.caps.problems)
		printf("# %s\n", pci_caps_problem_text(fn.caps.problems));
	print_view();
}

/* "Region 0: Memory at ... [size=16K]" */
static void region(const char *line)
{
	const char *at = strstr(line, "[size=");
	u32 i;
	char unit = 0;
	unsigned long n;

	if (!at || sscanf(line, " Region %u:", &i) != 1 || i > 5)
		return;
	if (sscanf(at, "[size=%lu%c", &n, &unit) < 1)
		return;
	d.size[i] = (u64)n << (unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0);
}

static bool hex_line(const char *line)
{
	unsigned int off, byte;
	int used = 0;

	if (sscanf(line, "%x:%n", &off, &used) != 1 || line[used] != ' ' || off % 16 || off > 4080)
		return false;
	line += used;
	for (u32 i = 0; i < 16; i++, line += used) {
		if (sscanf(line, " %2x%n", &byte, &used) != 1)
			return false;
		d.config[off + i] = (u8)byte;
	}
	if (off + 16 > d.bytes)
		d.bytes = off + 16;
	return true;
}

static void flush(void)
{
	if (d.bytes)
		show();
	memset(&d, 0, sizeof(d));
}

int main(int argc, char **argv)
{
	char line[512];
	FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (!f) {
		fprintf(stderr, "usage: view DUMP (a file by lspci -xxxx)\n");
		return 2;
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (line[0] == '#' || hex_line(line))
			continue;
		if (line[0] && line[0] != '\t' && line[0] != ' ') {
			flush();
			snprintf(d.name, sizeof(d.name), "%.95s", line);
		} else {
			region(line);
		}
	}
	flush();
	fclose(f);
	return 0;
}
