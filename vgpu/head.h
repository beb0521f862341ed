/*
 * What a workstation's kernel is told of its heads: words of Linux's command line
 * (Documentation/fb/modedb.rst for `video=`, admin-guide/kernel-parameters.txt for the others). An
 * EDID is read as a file by the kernel's loader of firmware, from the folder that
 * `firmware_class.path=` names: one of its own, because /lib may be a link in one initial RAM disk
 * and a folder in the next.
 */
#pragma once

#include "core/base/types.h"

#define HEADS_MAX	    16u
#define HEAD_CONNECTOR_MAX  32u /* with the NUL */
#define HEAD_EDID_FOLDER    "caprock"
#define HEAD_EDID_SUBFOLDER "edid"

struct head {
	char connector[HEAD_CONNECTOR_MAX]; /* the guest kernel's name; "": it is told nothing */
	u32 width, height, hz;		    /* width 0: what the monitor prefers; hz 0: any */
	bool edid;			    /* it is shown one, as if that monitor were there */
};

/*
 * A connector as Linux names it: its type, "-" and a number. The length of the type, or 0 when it is none;
 * nothing that is accepted can end a word of a command line or begin another option.
 */
u32 head_connector_type(const char *name, u32 *number);

/* Bytes heads_words() writes at most for HEADS_MAX heads, the NUL included. */
#define HEADS_WORDS_MAX                                                                   \
	(sizeof("firmware_class.path=/" HEAD_EDID_FOLDER " drm.edid_firmware= ") +        \
	 HEADS_MAX * (2 * HEAD_CONNECTOR_MAX + sizeof(":" HEAD_EDID_SUBFOLDER "/.bin,") + \
		      HEAD_CONNECTOR_MAX + sizeof("video=:4294967295x4294967295@4294967295e ")))

/*
 * "WORD " for each thing that is to be told, an empty text for nothing. Returns the length. n is at most
 * HEADS_MAX, connectors are such as head_connector_type() accepts.
 */
size_t heads_words(const struct head *heads, u32 n, char out[HEADS_WORDS_MAX]);

/* The name of a head's EDID in the archive before the initial RAM disk. */
size_t head_edid_name(const struct head *h, char *out, size_t size);
