/* core/vcpu/startup and reset: INIT and SIPI between cores, and the state they leave. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/vcpu/reset.h"
#include "core/vcpu/startup.h"

static struct startup s;
static u8 vector;

static void the_usual_sequence(void **state)
{
	/* An application processor as Linux starts it: INIT, SIPI, SIPI. */
	startup_begin(&s, true);
	assert_int_equal(startup_take(&s, &vector), STARTUP_WAIT);
	assert_true(startup_waiting(&s));
	assert_true(startup_init(&s));
	assert_int_equal(startup_take(&s, &vector), STARTUP_RESET);
	assert_int_equal(startup_take(&s, &vector), STARTUP_WAIT);
	assert_true(startup_sipi(&s, 0x9a));
	assert_false(startup_sipi(&s, 0x55)); /* the first wins */
	assert_true(startup_waiting(&s));
	assert_int_equal(startup_take(&s, &vector), STARTUP_GO);
	assert_int_equal(vector, 0x9a);
	assert_int_equal(startup_take(&s, &vector), STARTUP_NONE);
	assert_false(startup_waiting(&s));
	assert_false(startup_sipi(&s, 0x55)); /* nothing to a running one */
	assert_int_equal(startup_take(&s, &vector), STARTUP_NONE);
}

static void init_interrupts_anything(void **state)
{
	startup_begin(&s, false);
	assert_int_equal(startup_take(&s, &vector), STARTUP_NONE);
	assert_true(startup_init(&s));
	assert_true(startup_waiting(&s));
	/* A SIPI on its heels counts, though the target has not seen the INIT. */
	assert_true(startup_sipi(&s, 0x10));
	assert_int_equal(startup_take(&s, &vector), STARTUP_RESET);
	assert_int_equal(startup_take(&s, &vector), STARTUP_GO);
	assert_int_equal(vector, 0x10);
	/* An INIT forgets a SIPI that nobody has taken. */
	assert_true(startup_init(&s));
	assert_true(startup_sipi(&s, 0x20));
	assert_true(startup_init(&s));
	assert_int_equal(startup_take(&s, &vector), STARTUP_RESET);
	assert_int_equal(startup_take(&s, &vector), STARTUP_WAIT);
	assert_true(startup_sipi(&s, 0x30));
	assert_int_equal(startup_take(&s, &vector), STARTUP_GO);
	assert_int_equal(vector, 0x30);
}

#define ROUNDS 3000

static u32 started;

static void *target(void *arg)
{
	u8 v = 0;

	while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < ROUNDS) {
		enum startup_action action = startup_take(&s, &v);

		if (action == STARTUP_NONE || action == STARTUP_WAIT)
			sched_yield();
		if (action == STARTUP_GO) {
			/* The vector is the one that was sent with this start. */
			if (v != (u8)__atomic_load_n(&started, __ATOMIC_ACQUIRE))
				return (void *)1;
			__atomic_add_fetch(&started, 1, __ATOMIC_RELEASE);
		}
	}
	return NULL;
}

/* A sender and a target on two cores: every start arrives, once, with its own vector. */
static void two_cores(void **state)
{
	pthread_t thread;
	void *bad = NULL;

	started = 0;
	startup_begin(&s, true);
	assert_int_equal(pthread_create(&thread, NULL, target, NULL), 0);
	for (u32 i = 0; i < ROUNDS; i++) {
		assert_true(startup_init(&s));
		assert_true(startup_sipi(&s, (u8)i));
		(void)!startup_sipi(&s, (u8)(i + 100));
		while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) == i)
			sched_yield();
	}
	pthread_join(thread, &bad);
	assert_null(bad);
}

static void power_on_init_and_sipi_state(void **state)
{
	struct reset_state r, before;

	memset(&r, 0xa5, sizeof(r));
	reset_power_on(&r, 0x800f12);
	assert_int_equal(r.seg[SEG_CS].base + r.rip, 0xfffffff0);
	assert_int_equal(r.seg[SEG_CS].selector, 0xf000);
	assert_int_equal(r.seg[SEG_CS].limit, 0xffff);
	assert_int_equal(r.seg[SEG_CS].attrib & 0x9f, 0x9b);
	assert_int_equal(r.seg[SEG_SS].attrib & 0x9f, 0x93);
	assert_int_equal(r.rflags, 2);
	assert_int_equal(r.cr0, 0x60000010);
	assert_true(r.cr2 == 0 && r.cr3 == 0 && r.cr4 == 0 && r.efer == 0);
	assert_int_equal(r.dr6, 0xffff0ff0);
	assert_int_equal(r.dr7, 0x400);
	assert_int_equal(r.pat, 0x0007040600070406);
	assert_int_equal(r.xcr0, 1);
	assert_int_equal(r.gpr[GPR_DX], 0x800f12);
	assert_int_equal(r.gdtr.limit, 0xffff);
	assert_int_equal(r.idtr.limit, 0xffff);
	assert_int_equal(r.tr.attrib & 0x9f, 0x8b);
	assert_int_equal(r.ldtr.attrib & 0x9f, 0x82);

	/* INIT of a processor deep in long mode. */
	before = r;
	memset(&r, 0xa5, sizeof(r));
	r.cr0 = 0x80050033;
	r.pat = 0x0407050600070106;
	r.xcr0 = 7;
	reset_init(&r, 0x800f12);
	assert_int_equal(r.cr0, 0x10); /* caches stay on */
	assert_int_equal(r.pat, 0x0407050600070106);
	assert_int_equal(r.xcr0, 7);
	r.cr0 = before.cr0;
	r.pat = before.pat;
	r.xcr0 = before.xcr0;
	assert_memory_equal(&r, &before, sizeof(r));

	reset_sipi(&r, 0x9a);
	assert_int_equal(r.seg[SEG_CS].base, 0x9a000);
	assert_int_equal(r.seg[SEG_CS].selector, 0x9a00);
	assert_int_equal(r.rip, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_usual_sequence),
	    cmocka_unit_test(init_interrupts_anything),
	    cmocka_unit_test(two_cores),
	    cmocka_unit_test(power_on_init_and_sipi_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
