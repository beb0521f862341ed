/* The VMX instructions (Intel SDM volume 3, chapter 31). */
#pragma once

#include "core/base/types.h"
#include "core/vmx/vmcs.h"

/* Success of an instruction: neither CF nor ZF. */
#define VMX_OK "=@cca"

static inline bool vmxon(u64 region)
{
	bool ok;

	asm volatile("vmxon %1" : VMX_OK(ok) : "m"(region) : "memory");
	return ok;
}

static inline void vmxoff(void)
{
	asm volatile("vmxoff" : : : "cc", "memory");
}

static inline bool vmclear(u64 vmcs)
{
	bool ok;

	asm volatile("vmclear %1" : VMX_OK(ok) : "m"(vmcs) : "memory");
	return ok;
}

static inline bool vmptrld(u64 vmcs)
{
	bool ok;

	asm volatile("vmptrld %1" : VMX_OK(ok) : "m"(vmcs) : "memory");
	return ok;
}

/* Of the structure that is loaded. Fields that are read exist on every processor we start on. */
static inline u64 vmread(enum vmcs_field field)
{
	u64 v;

	asm volatile("vmread %1, %0" : "=r"(v) : "r"((u64)field) : "cc");
	return v;
}

/* The same where there may be no structure, or no such field: that reads as 0. */
static inline u64 vmread_or_zero(enum vmcs_field field)
{
	u64 v = 0;

	asm volatile("vmread %1, %0" : "+r"(v) : "r"((u64)field) : "cc");
	return v;
}

static inline void vmwrite(enum vmcs_field field, u64 v)
{
	asm volatile("vmwrite %1, %0" : : "r"((u64)field), "r"(v) : "cc");
}

#define INV_SINGLE 1
#define INV_ALL	   2

static inline void invept(u64 scope, u64 eptp)
{
	const u64 what[2] = {eptp, 0};

	asm volatile("invept %0, %1" : : "m"(what), "r"(scope) : "cc", "memory");
}

static inline void invvpid(u64 scope, u16 vpid)
{
	const u64 what[2] = {vpid, 0};

	asm volatile("invvpid %0, %1" : : "m"(what), "r"(scope) : "cc", "memory");
}
