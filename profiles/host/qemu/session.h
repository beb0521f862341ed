/* One run of the hypervisor in QEMU: consoles to files, an end for every case, a verdict. */
#pragma once

#include <stdbool.h>

#include "profiles/host/qemu/standin.h"

enum session_end {
	SESSION_OFF,	 /* every workstation powered itself off */
	SESSION_UNTIL,	 /* every console showed the text waited for */
	SESSION_TIME,	 /* time was over while they ran */
	SESSION_STOPPED, /* by a signal */
	SESSION_REFUSED, /* the hypervisor refused the plan, the machine or a workstation */
	SESSION_FAILED,	 /* a workstation failed, the hypervisor crashed, QEMU ended early */
};

struct session_options {
	const char *qemu;	/* program */
	const char *hypervisor; /* caprock.elf, NULL: on the medium */
	const char *bundle;
	const char *usb, *iso; /* a medium to start from instead of the two; NULL: none */
	const char *logs;      /* folder, exists: NAME.log and caprock.log */
	const char *display;   /* as QEMU's -display, NULL: none */
	const char *until;     /* NULL: until they power off */
	unsigned timeout;      /* seconds, 0: none */
	bool quiet;	       /* consoles to files only */
};

/* -1: QEMU cannot be started or a file not be written, said on stderr. Else enum session_end. */
int session_run(struct study *s, const struct standin *t, const struct session_options *o);
