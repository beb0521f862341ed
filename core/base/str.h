/* The few string functions pure code needs. */
#pragma once

#include "core/base/types.h"

size_t str_len(const char *s);
bool str_equal(const char *a, const char *b);
/* Equal, and NULL only to NULL. */
bool str_same(const char *a, const char *b);
/* A hexadecimal digit's value, of either case; -1: it is none. */
int str_hex_digit(char c);
