#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pci/pci.h>

#include "passthrough/host/survey.h"

#define DUMP_MAX (64u << 20) /* bytes of a dump that are looked at */

/* libpci's error handler must not return. */
static struct {
	jmp_buf back;
	char text[200];
} failure;

static __noreturn void on_error(char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(failure.text, sizeof(failure.text), format, ap);
	va_end(ap);
	longjmp(failure.back, 1);
}

/* What it warns of (a device that is gone, a space that ends early) shows in what it returns. */
static void on_warning(char *format, ...)
{
}

static void *must(void *p)
{
	if (!p) {
		fputs("caprock: out of memory\n", stderr);
		exit(2);
	}
	return p;
}

void survey_missing(struct survey *s, const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = must(NULL);
	va_end(ap);
	s->missing = must(realloc(s->missing, (s->nmissing + 1) * sizeof(*s->missing)));
	s->missing[s->nmissing++] = text;
}

static u32 order(struct bdf b)
{
	return (u32)b.segment << 16 | bdf_rid(b);
}

static int by_bdf(const void *a, const void *b)
{
	u32 x = order(((const struct survey_function *)a)->bdf);
	u32 y = order(((const struct survey_function *)b)->bdf);

	return x < y ? -1 : x > y;
}

struct survey_function *survey_find(struct survey *s, struct bdf bdf)
{
	struct survey_function key = {.bdf = bdf};

	return s->n ? bsearch(&key, s->f, s->n, sizeof(*s->f), by_bdf) : NULL;
}

static struct survey_function *add(struct survey *s)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->f = must(realloc(s->f, s->room * sizeof(*s->f)));
	}
	s->f[s->n] = (struct survey_function){.node = SURVEY_UNKNOWN,
					      .kernel_group = SURVEY_UNKNOWN,
					      .config = must(calloc(1, 4096))};
	return &s->f[s->n++];
}

static void free_function(struct survey_function *f)
{
	free(f->config);
	free(f->vendor_name);
	free(f->device_name);
	free(f->subsystem_name);
	free(f->class_name);
	free(f->driver);
}

void survey_free(struct survey *s)
{
	for (u32 i = 0; i < s->n; i++)
		free_function(&s->f[i]);
	for (u32 i = 0; i < s->nmissing; i++)
		free(s->missing[i]);
	free(s->f);
	free(s->missing);
	*s = (struct survey){0};
}

/* All that can be read, found by trying: libpci says only yes or no to a block. */
static void read_config(struct pci_dev *d, struct survey_function *f)
{
	static const u16 ends[] = {4096, 256, 64};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (pci_read_block(d, 0, f->config, ends[i])) {
			f->config_size = ends[i];
			return;
		}
	memset(f->config, 0, 4096);
	while (f->config_size < 64 &&
	       pci_read_block(d, f->config_size, f->config + f->config_size, 4))
		f->config_size += 4;
}

static char *name_of(struct pci_access *a, int what, int p1, int p2, int p3, int p4)
{
	char buf[256];
	char *name = pci_lookup_name(
	    a, buf, sizeof(buf), what | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB, p1, p2, p3, p4);

	return name && *name ? must(strdup(name)) : NULL;
}

static void read_names(struct pci_access *a, struct pci_dev *d, struct survey_function *f)
{
	f->vendor_name = name_of(a, PCI_LOOKUP_VENDOR, f->vendor, 0, 0, 0);
	f->device_name = name_of(a, PCI_LOOKUP_DEVICE, f->vendor, f->device, 0, 0);
	f->class_name = name_of(a, PCI_LOOKUP_CLASS, d->device_class, 0, 0, 0);
	if (f->subvendor)
		f->subsystem_name = name_of(a, PCI_LOOKUP_SUBSYSTEM | PCI_LOOKUP_DEVICE, f->vendor,
					    f->device, f->subvendor, f->subdevice);
}

/* base_addr holds the register's low bits, in the upper half's place nothing. */
static void read_bars(struct pci_dev *d, struct survey_function *f)
{
	u32 bars = (f->config[0x0e] & 0x7f) == 1 ? 2 : (f->config[0x0e] & 0x7f) == 0 ? 6 : 0;

	for (u32 i = 0; i < bars; i++) {
		u64 v = d->base_addr[i], size = d->size[i];
		bool io = v & 1, wide = !io && (v & 6) == 4;

		if (!v && !size)
			continue;
		f->bar_there[i] = true;
		f->bar[i] = (struct machine_bar){
		    .base = v & (io ? ~3ull : ~15ull),
		    .size = size,
		    .io = io,
		    .is64 = wide,
		    .prefetch = !io && (v & 8),
		};
		i += wide;
	}
	f->rom_size = d->rom_size;
	f->rom = d->rom_size || (d->rom_base_addr & ~0x7ffull);
}

static void read_function(struct survey *s, struct pci_access *a, struct pci_dev *d)
{
	struct survey_function *f;

	if (d->domain < 0 || d->domain > 0xffff || d->dev > 31 || d->func > 7) {
		survey_missing(
		    s,
		    "%x:%02x:%02x.%x: there is no such segment, device or function number in "
		    "requests; it is left out",
		    d->domain, d->bus, d->dev, d->func);
		return;
	}
	f = add(s);
	f->bdf = (struct bdf){(u16)d->domain, d->bus, (u8)(d->dev << 3 | d->func)};
	pci_fill_info(d, PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_BASES | PCI_FILL_ROM_BASE |
			     PCI_FILL_SIZES | PCI_FILL_SUBSYS);
	read_config(d, f);
	f->vendor = d->vendor_id;
	f->device = d->device_id;
	if (d->known_fields & PCI_FILL_SUBSYS && d->subsys_vendor_id != 0xffff) {
		f->subvendor = d->subsys_vendor_id;
		f->subdevice = d->subsys_id;
	}
	read_bars(d, f);
	read_names(a, d, f);
}

static void drop_doubles(struct survey *s)
{
	u32 kept = 0;

	if (s->n)
		qsort(s->f, s->n, sizeof(*s->f), by_bdf);
	for (u32 i = 0; i < s->n; i++) {
		const struct bdf *b = &s->f[i].bdf;

		if (kept && !by_bdf(&s->f[kept - 1], &s->f[i])) {
			survey_missing(
			    s, "%04x:%02x:%02x.%x is there twice; one of the two was left out",
			    b->segment, b->bus, b->devfn >> 3, b->devfn & 7);
			free_function(&s->f[i]);
		} else {
			s->f[kept++] = s->f[i];
		}
	}
	s->n = kept;
}

static bool survey_by(struct survey *s, u32 method, const char *dump)
{
	struct pci_access *volatile a = must(pci_alloc());
	bool good = false;

	if (!setjmp(failure.back)) {
		a->error = on_error;
		a->warning = on_warning;
		a->method = method;
		if (dump)
			pci_set_param(a, "dump.name", (char *)dump);
		/* Names are pci.ids's alone, not what somebody's lspci once asked the net for. */
		pci_set_param(a, "net.cache_name", "");
		pci_init(a);
		pci_scan_bus(a);
		for (struct pci_dev *d = a->devices; d; d = d->next)
			read_function(s, a, d);
		good = true;
	} else {
		survey_missing(s, "PCI functions: %s", failure.text);
	}
	pci_cleanup(a);
	drop_doubles(s);
	return good;
}

bool survey_hardware(struct survey *s)
{
	u32 cut = 0;

	*s = (struct survey){0};
	if (!survey_by(s, PCI_ACCESS_SYS_BUS_PCI, NULL))
		return false;
	for (u32 i = 0; i < s->n; i++) {
		survey_sysfs(s, &s->f[i]);
		cut += s->f[i].config_size < 256;
	}
	if (cut)
		survey_missing(
		    s,
		    "capabilities of %u of %u PCI functions: Linux shows the first 64 bytes of "
		    "configuration space only; run caprock probe as root",
		    cut, s->n);
	return true;
}

static char *read_text(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t room = 0, got;

	*size = 0;
	if (!f)
		return NULL;
	do {
		room = room ? 2 * room : 1 << 16;
		text = must(realloc(text, room));
		got = fread(text + *size, 1, room - *size, f);
		*size += got;
	} while (got && *size < DUMP_MAX);
	if (ferror(f)) {
		int saved = errno;

		free(text);
		text = NULL;
		errno = saved;
	}
	fclose(f);
	return text;
}

bool survey_dump(struct survey *s, const char *path)
{
	size_t size;
	char *text;

	*s = (struct survey){0};
	text = read_text(path, &size);
	if (!text) {
		survey_missing(s, "PCI functions: %s: %s", path, strerror(errno));
		return false;
	}
	if (!survey_by(s, PCI_ACCESS_DUMP, path)) {
		free(text);
		return false;
	}
	if (s->n)
		survey_words(s, text, size);
	else
		survey_missing(
		    s, "PCI functions: %s holds none; write it by 'lspci -vvxxxx' as root", path);
	free(text);
	return s->n != 0;
}
