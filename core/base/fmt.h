/*
 * Bounded text formatting without libc: what a log line or a diagnostic needs, nothing else.
 *
 * Verbs: %c %s %d %i %u %x %X %p %% with flags '-', '0', '#', width (also '*'), precision for %s
 * (also '*'), and lengths hh, h, l, ll, z. Anything else is copied as it stands.
 */
#pragma once

#include <stdarg.h>
#include "core/base/types.h"

/*
 * Write at most size - 1 characters and a NUL (nothing when size is 0). Returns the length the
 * whole text has, so that >= size means it was cut.
 */
size_t fmt(char *buf, size_t size, const char *format, ...) __printf(3, 4);
size_t vfmt(char *buf, size_t size, const char *format, va_list ap) __printf(3, 0);
