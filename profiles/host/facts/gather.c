#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/facts/gather.h"

#define TABLES_FOLDER "/sys/firmware/acpi/tables"

void *gather_grow(struct gather *g, const void *items, u32 *n, size_t size)
{
	u32 old = *n;
	void *grown;

	++*n;
	if (old & (old - 1))
		return (void *)items; /* there is room up to the next power of two */
	grown = chunks_take(&g->mem, old ? 2 * (size_t)old : 1, size);
	if (old)
		memcpy(grown, items, old * size);
	return grown;
}

void gather_missing(struct gather *g, const char *format, ...)
{
	const char **list =
	    gather_grow(g, g->facts.missing, &g->facts.nmissing, sizeof(*g->facts.missing));
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	list[g->facts.nmissing - 1] = gather_text(g, text);
	g->facts.missing = list;
}

void gather_note(struct gather *g, const char *level, const char *name, const char *text,
		 const char *remedy)
{
	struct facts_note *notes =
	    gather_grow(g, g->facts.iommu.notes, &g->facts.iommu.nnotes, sizeof(*notes));

	notes[g->facts.iommu.nnotes - 1] =
	    (struct facts_note){level, name, gather_text(g, text), remedy};
	g->facts.iommu.notes = notes;
}

/* Bytes of the UTF-8 sequence at s that is printable and well-formed (RFC 3629 §4), 0: none. */
static u32 sequence(const unsigned char *s)
{
	static const u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
	u32 n = s[0] < 0x80	  ? 1
		: s[0] >> 5 == 6  ? 2
		: s[0] >> 4 == 14 ? 3
		: s[0] >> 3 == 30 ? 4
				  : 0;
	u32 c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	for (u32 i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 63);
	}
	if (!n || c < least[n] || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfeff ||
	    (c >= 0xd800 && c < 0xe000) || c > 0x10ffff || (c & 0xfffe) == 0xfffe)
		return 0;
	return n;
}

const char *gather_text(struct gather *g, const char *text)
{
	const char *end;
	char *out, *to;

	if (!text)
		return NULL;
	text += strspn(text, " \t\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\n", end[-1]))
		end--;
	if (end == text)
		return NULL;
	out = to = chunks_take(&g->mem, (size_t)(end - text) + 1, 1);
	while (text < end) {
		u32 n = sequence((const unsigned char *)text);

		if (n)
			memcpy(to, text, n);
		else
			*to = '?';
		to += n ? n : 1;
		text += n ? n : 1;
	}
	return out;
}

const char *gather_line(struct gather *g, const char *format, ...)
{
	char path[256], line[512];
	const char *text = NULL;
	va_list ap;
	FILE *f;

	va_start(ap, format);
	vsnprintf(path, sizeof(path), format, ap);
	va_end(ap);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	if (fgets(line, sizeof(line), f))
		text = gather_text(g, line);
	fclose(f);
	return text;
}

static void load_tables(struct gather *g, const char *folder)
{
	if (tables_load(&g->tables, folder, &g->mem) < 0) {
		gather_missing(g, "ACPI tables: %s: %s", folder, strerror(errno));
		g->refused |= !g->hardware;
	} else if (g->tables.unreadable) {
		gather_missing(
		    g, "ACPI tables: not all of %s can be read; run caprock probe as root", folder);
		g->refused |= !g->hardware;
	} else if (!g->tables.found) {
		gather_missing(
		    g, "ACPI tables: %s holds none that is looked for (APIC, DMAR, IVRS, ...)",
		    folder);
		g->refused |= !g->hardware;
	}
}

static void load_functions(struct gather *g, const char *lspci)
{
	bool good = lspci ? survey_dump(&g->survey, lspci) : survey_hardware(&g->survey);

	for (u32 i = 0; i < g->survey.nmissing; i++)
		gather_missing(g, "%s", g->survey.missing[i]);
	g->refused |= !good && lspci;
	gather_functions(g);
}

static const char *source(struct gather *g, const struct gather_options *o)
{
	if (g->hardware)
		return "hardware";
	return gather_text(g, chunks_print(&g->mem, "%s%s%s", o->lspci ? o->lspci : "",
					   o->lspci && o->acpi ? " and " : "",
					   o->acpi ? o->acpi : ""));
}

static void not_in_dumps(struct gather *g, const struct gather_options *o)
{
	if (!o->lspci)
		gather_missing(g, "PCI functions: no dump of them was given (--lspci)");
	if (!o->acpi)
		gather_missing(g, "processors and IOMMUs: no ACPI tables were given (--acpi)");
	gather_missing(g, "memory map, processor features, displays: dumps do not tell them; run "
			  "caprock probe on the machine itself");
}

void gather(struct gather *g, const struct gather_options *o)
{
	*g = (struct gather){.hardware = !o->lspci && !o->acpi};
	g->facts.version = FACTS_VERSION;
	g->facts.source = source(g, o);
	if (g->hardware || o->acpi)
		load_tables(g, g->hardware ? TABLES_FOLDER : o->acpi);
	gather_iommu(g);
	if (g->hardware || o->lspci)
		load_functions(g, o->lspci);
	if (g->hardware) {
		gather_cpus(g);
		gather_memory(g);
		gather_firmware(g);
		gather_boot(g);
		gather_vfio(g);
	} else {
		gather_madt(g);
		not_in_dumps(g, o);
	}
	gather_gpus(g);
	gather_isolation(g);
	gather_switches(g);
}

void gather_free(struct gather *g)
{
	survey_free(&g->survey);
	chunks_free(&g->mem);
	*g = (struct gather){0};
}
