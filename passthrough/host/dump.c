/*
 * The words of `lspci -v` around the bytes: sizes of regions, ROM, NUMA node, IOMMU group, driver. A
 * dump without them is as good, it only tells less.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passthrough/host/survey.h"

/* "01:00.0 ..." or "0000:01:00.0 ..." at a line's start. */
static bool is_header(const char *line, struct bdf *out)
{
	unsigned segment = 0, bus, device, function;
	int end = 0;

	if (sscanf(line, "%4x:%2x:%2x.%1x%n", &segment, &bus, &device, &function, &end) != 4) {
		segment = 0;
		end = 0;
		if (sscanf(line, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3)
			return false;
	}
	if (line[end] != ' ' || device > 31 || function > 7)
		return false;
	*out = (struct bdf){(u16)segment, (u8)bus, (u8)(device << 3 | function)};
	return true;
}

/* "[size=256M]" anywhere in the line; 0 when there is none. */
static u64 size_in(const char *line)
{
	const char *at = strstr(line, "[size=");
	unsigned long long n;
	char unit = 0;

	if (!at || sscanf(at, "[size=%10llu%c", &n, &unit) < 1)
		return 0;
	switch (unit) {
	case 'K':
		return n << 10;
	case 'M':
		return n << 20;
	case 'G':
		return n << 30;
	case 'T':
		return n << 40;
	default:
		return n;
	}
}

static void region(struct survey_function *f, const char *line)
{
	u64 size = size_in(line);
	unsigned i;

	if (sscanf(line, "Region %u: ", &i) != 1 || i >= 6 || !f->bar_there[i] || f->bar[i].size)
		return;
	if (size && !(size & (size - 1)))
		f->bar[i].size = size;
}

static void rom(struct survey_function *f, const char *line)
{
	u64 size = size_in(line);

	if (!size)
		return;
	f->rom = true;
	f->rom_shadow = strstr(line, "000c0000") != NULL;
	f->rom_size = size;
}

static void node(struct survey_function *f, const char *line)
{
	unsigned n;

	if (sscanf(line, "NUMA node: %9u", &n) == 1)
		f->node = n;
}

static void group(struct survey_function *f, const char *line)
{
	unsigned n;

	if (sscanf(line, "IOMMU group: %9u", &n) == 1)
		f->kernel_group = n;
}

static void driver(struct survey_function *f, const char *line)
{
	char name[64];

	if (f->driver || sscanf(line, "Kernel driver in use: %63s", name) != 1)
		return;
	f->driver = strdup(name);
}

static const struct {
	const char *start;
	void (*take)(struct survey_function *f, const char *line);
} words[] = {
    {"Region ", region},      {"Expansion ROM at ", rom},	  {"NUMA node: ", node},
    {"IOMMU group: ", group}, {"Kernel driver in use: ", driver},
};

static void take_line(struct survey *s, const char *line, struct survey_function **f)
{
	struct bdf bdf;

	if (is_header(line, &bdf)) {
		*f = survey_find(s, bdf);
		return;
	}
	if (!*line)
		*f = NULL;
	line += strspn(line, " \t");
	for (size_t i = 0; *f && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(line, words[i].start, strlen(words[i].start)))
			words[i].take(*f, line);
}

void survey_words(struct survey *s, const char *text, size_t size)
{
	struct survey_function *f = NULL;
	char line[512];

	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t n = end ? (size_t)(end - text) - at : size - at;
		size_t kept = n < sizeof(line) - 1 ? n : sizeof(line) - 1;

		memcpy(line, text + at, kept);
		line[kept] = 0;
		take_line(s, line, &f);
		at += n + 1;
	}
}
