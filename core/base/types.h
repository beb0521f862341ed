/*
 * Integer names and the address types that must not be mixed.
 *
 * Addresses are one-member structs on purpose: handing a guest-physical address to something that
 * programs a host page table is the classic way to breach isolation, so the compiler refuses it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned __int128 u128;

/* Host-physical, guest-physical, and device-visible (I/O virtual) byte addresses. */
typedef struct {
	u64 v;
} paddr_t;
typedef struct {
	u64 v;
} gpa_t;
typedef struct {
	u64 v;
} iova_t;

#define PADDR(x) ((paddr_t){(x)})
#define GPA(x)	 ((gpa_t){(x)})
#define IOVA(x)	 ((iova_t){(x)})

/* PCI requester: segment, bus, device, function (PCIe 5.0 §2.2.6.2). */
struct bdf {
	u16 segment;
	u8 bus;
	u8 devfn;
};

static inline u16 bdf_rid(struct bdf b)
{
	return (u16)(b.bus << 8 | b.devfn);
}

#define __must_check   __attribute__((warn_unused_result))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __noreturn     __attribute__((noreturn))
#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB(n)	      ((u64)(n) << 10)
#define MIB(n)	      ((u64)(n) << 20)
#define GIB(n)	      ((u64)(n) << 30)
#define PAGE_SIZE     4096u

static inline u64 align_down(u64 v, u64 pow2)
{
	return v & ~(pow2 - 1);
}

/* The caller has checked that v + pow2 - 1 does not wrap. */
static inline u64 align_up(u64 v, u64 pow2)
{
	return (v + pow2 - 1) & ~(pow2 - 1);
}

static inline bool is_aligned(u64 v, u64 pow2)
{
	return (v & (pow2 - 1)) == 0;
}

static inline u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}
