/* What a workstation's heads need besides words of the command line: EDIDs in front of its initial RAM disk. */
#pragma once

#include "profiles/host/study/study.h"

/*
 * Look whether workstation w can be told of its heads: its kernel is Linux's, and an EDID is one and has an
 * initial RAM disk to go with; what is wrong is reported as head-untold or unknown-file. Returns a newc archive
 * with the EDIDs, `*size` bytes that live as long as the study; NULL: there is none to be had.
 *
 * The archive goes in front, as microcode's does: Linux unpacks one after the other (early-userspace/
 * buffer-format.rst), and not every way of compression can tell where its own part ends.
 */
const void *study_heads(struct study *s, u32 w, u64 *size);
