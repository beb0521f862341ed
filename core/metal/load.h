/* A workstation's kernel, and what firmware would have left beside it, into its memory. Host core. */
#pragma once

#include "core/metal/build.h"

/*
 * Write kernel, initial RAM disk and firmware's tables into its (scrubbed) memory and set its
 * processors to their start. ERR_NOENT: the bundle lacks a file, the log says which. Another error
 * with *why: the kernel is none that can be started. The caller drops its windows afterwards.
 */
__must_check int workstation_load(struct workstation *w, struct workstation_costs *costs,
				  struct load_error *why);
