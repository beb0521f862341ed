/*
 * A ticket lock: cores get it in the order they asked. Held for a few hundred instructions at most,
 * never across an exit to a guest, never taken twice by one core. In the hypervisor interrupts are
 * off wherever one is held.
 */
#pragma once

#include "core/base/types.h"

struct spinlock {
	u16 next, serving;
};

static inline void spin_lock(struct spinlock *l)
{
	u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->serving, (u16)(l->serving + 1), __ATOMIC_RELEASE);
}
