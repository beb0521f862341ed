/*
 * A libvirt domain as a workstation's profile: what means the same is taken over, all else is named
 * with its line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Read `size` bytes of XML, write the profile to `out`, and to `notes` a line for each thing that is
 * left out. False when it is no libvirt domain: then `notes` says why and `out` is untouched.
 */
bool import_libvirt(const char *name, const void *xml, size_t size, FILE *out, FILE *notes);
