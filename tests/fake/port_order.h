/*
 * Cache flushes and barriers of pure code under test, for models that check their order. A hook
 * left NULL is not called.
 */
#pragma once

#include "core/base/types.h"

extern void (*fake_on_cache_flush)(const void *va, size_t n);
extern void (*fake_on_wmb)(void);
extern void (*fake_on_mb)(void);
extern void (*fake_on_relax)(void);
