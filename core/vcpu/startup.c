#include "core/vcpu/startup.h"

#define WAITING	     1u /* in the INIT state, or never started */
#define INIT_PENDING 2u
#define SIPI_PENDING 4u
#define VECTOR_SHIFT 8

void startup_begin(struct startup *s, bool waiting)
{
	__atomic_store_n(&s->word, waiting ? WAITING : 0, __ATOMIC_SEQ_CST);
}

static bool exchange(struct startup *s, u32 *old, u32 new)
{
	return __atomic_compare_exchange_n(&s->word, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

bool startup_init(struct startup *s)
{
	u32 old = __atomic_load_n(&s->word, __ATOMIC_SEQ_CST);

	/* An INIT forgets a SIPI that was not taken yet (SDM 3 §9.4.4.1). */
	while (!exchange(s, &old, (old & WAITING) | INIT_PENDING))
		;
	return true;
}

bool startup_sipi(struct startup *s, u8 vector)
{
	u32 old = __atomic_load_n(&s->word, __ATOMIC_SEQ_CST);

	do {
		if (!(old & (WAITING | INIT_PENDING)) || (old & SIPI_PENDING))
			return false;
	} while (!exchange(s, &old, old | SIPI_PENDING | (u32)vector << VECTOR_SHIFT));
	return true;
}

bool startup_waiting(const struct startup *s)
{
	return __atomic_load_n(&s->word, __ATOMIC_SEQ_CST) & (WAITING | INIT_PENDING);
}

enum startup_action startup_take(struct startup *s, u8 *vector)
{
	u32 old = __atomic_load_n(&s->word, __ATOMIC_SEQ_CST);

	for (;;) {
		if (old & INIT_PENDING) {
			if (exchange(s, &old, (old & ~INIT_PENDING) | WAITING))
				return STARTUP_RESET;
		} else if (!(old & WAITING)) {
			return STARTUP_NONE;
		} else if (!(old & SIPI_PENDING)) {
			return STARTUP_WAIT;
		} else if (exchange(s, &old, 0)) {
			*vector = (u8)(old >> VECTOR_SHIFT);
			return STARTUP_GO;
		}
	}
}
