/*
 * The plan as bytes: versioned, checksummed, trusted by nobody. The decoder takes hostile input;
 * what it returns is well-formed (counts, strings and enums in range), not yet proven.
 *
 * A header, then records of tag, flags, size and payload, some of which hold records themselves.
 * Within a major version records only get longer and tags only get more: a reader ignores what it
 * does not know, unless the record says that it must be understood.
 */
#pragma once

#include "core/partition/plan.h"

#define BLOB_MAGIC 0x4c504b4350414321ull
#define BLOB_MAJOR 1
#define BLOB_MINOR 0

/* Bytes needed to encode; then encode into out[0..size). ERR_RANGE when size is too small. */
u64 blob_size(const struct plan *p);
__must_check int blob_encode(const struct plan *p, void *out, u64 size);

/* Why a decode failed, for a message: offset in the blob and words. */
struct blob_error {
	u64 offset;
	char text[160];
};

/*
 * Decode in[0..size) into *out, whose arrays and strings are placed in arena[0..arena_size)
 * (8-byte aligned; blob_arena_size() of the same input suffices) and do not point into `in`.
 * ERR_CORRUPT, ERR_VERSION, ERR_RANGE, ERR_INVAL with *why filled in; ERR_NOMEM for the arena.
 */
u64 blob_arena_size(const void *in, u64 size); /* 0: malformed, blob_decode() says how */
__must_check int blob_decode(const void *in, u64 size, void *arena, u64 arena_size,
			     struct plan *out, struct blob_error *why);
