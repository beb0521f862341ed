/*
 * Every PCI function that Linux, or a dump by `lspci -x`, has, by libpci: configuration space as raw
 * bytes, and what only an operating system knows. What the bytes mean is passthrough/pci's work.
 */
#pragma once

#include "core/base/types.h"
#include "core/partition/machine.h"

#define SURVEY_UNKNOWN (~0u)

struct survey_function {
	struct bdf bdf;
	u8 *config;	 /* 4096 bytes, zero beyond config_size */
	u16 config_size; /* bytes that could be read: 0, 64, 256, 4096 or, in a dump, any number */
	u16 vendor, device, subvendor, subdevice; /* as Linux has them: a VF's own space has none */
	char *vendor_name, *device_name, *subsystem_name, *class_name; /* NULL: pci.ids lacks it */
	struct machine_bar bar[6];
	bool bar_there[6]; /* size 0: nobody told it */
	u64 rom_size;
	bool rom, rom_shadow;
	bool rom_read;	  /* its first bytes were looked at: */
	bool rom_valid;	  /* 55AAh */
	u32 node;	  /* SURVEY_UNKNOWN */
	u32 kernel_group; /* SURVEY_UNKNOWN */
	char *driver;	  /* NULL: none */
	bool is_vf;
	struct bdf pf;
	bool boot_vga; /* firmware drew on it, by Linux's judgement */
};

struct survey {
	struct survey_function *f; /* sorted by segment, bus, device, function; none twice */
	u32 n, room;
	char **missing; /* sentences: what could not be read and how it could */
	u32 nmissing;
};

/*
 * Fill `s`, which survey_free() empties, also after an error. False: nothing could be read, the last
 * sentence of `missing` says why.
 */
__must_check bool survey_hardware(struct survey *s);
/* A text file as `lspci -x`, -xxx or -xxxx writes it; with -vv it tells sizes and more too. */
__must_check bool survey_dump(struct survey *s, const char *path);
void survey_free(struct survey *s);

/* ---- between the parts of the survey ---------------------------------------------------------- */

void survey_missing(struct survey *s, const char *format, ...) __printf(2, 3);
/* NULL when there is none. */
struct survey_function *survey_find(struct survey *s, struct bdf bdf);
/* From sysfs: what libpci does not tell of one function. */
void survey_sysfs(struct survey *s, struct survey_function *f);
/* From the words of a dump: sizes, ROM, node, group, driver. */
void survey_words(struct survey *s, const char *text, size_t size);
