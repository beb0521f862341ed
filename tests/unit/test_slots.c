/* The slots of a boot medium: every state there is, and text that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/base/slots.h"

static const struct slots states[] = {
    {'a', 0, false},   {'a', 0, true},	 {'b', 0, false},   {'b', 0, true},
    {'a', 'b', false}, {'a', 'b', true}, {'b', 'a', false}, {'b', 'a', true},
};

static void every_state_comes_back(void **ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		char text[SLOTS_SIZE];
		struct slots s;

		slots_format(&states[i], text);
		assert_int_equal(slots_parse(text, sizeof(text), &s), OK);
		assert_int_equal(s.good, states[i].good);
		assert_int_equal(s.trial, states[i].trial);
		assert_int_equal(s.tried, states[i].tried);
	}
}

static void cut_text_is_refused(void **ctx)
{
	const char whole[] = "caprock slots 1\ngood a\ntry b\ntried no\n";
	struct slots s;

	assert_int_equal(slots_parse(whole, sizeof(whole) - 1, &s), OK);
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *copy = test_malloc(n + 1);

		memcpy(copy, whole, n);
		assert_int_equal(slots_parse(copy, n, &s), ERR_CORRUPT);
		test_free(copy);
	}
}

static void nonsense_is_refused(void **ctx)
{
	static const char *const bad[] = {
	    "caprock slots 2\ngood a\ntry b\ntried no\n",
	    "caprock slots 1\ngood c\ntry b\ntried no\n",
	    "caprock slots 1\ngood a\ntry a\ntried no\n",
	    "caprock slots 1\ngood a\ntry c\ntried no\n",
	    "caprock slots 1\ngood a\ntry \ntried no\n",
	    "caprock slots 1\ngood a\ntry b\ntried maybe\n",
	    "caprock slots 1\ntry b\ngood a\ntried no\n",
	    "caprock slots 1\r\ngood a\r\ntry b\r\ntried no\r\n",
	};
	struct slots s;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(slots_parse(bad[i], strlen(bad[i]), &s), ERR_CORRUPT);
}

static void check(struct slots s, char confirmed, char slot, enum slots_why why, struct slots after)
{
	enum slots_why said;

	assert_int_equal(slots_choose(&s, confirmed, &said), slot);
	assert_int_equal(said, why);
	assert_int_equal(s.good, after.good);
	assert_int_equal(s.trial, after.trial);
	assert_int_equal(s.tried, after.tried);
}

static void a_trial_is_tried_once(void **ctx)
{
	check((struct slots){'a', 0, false}, 0, 'a', SLOTS_GOOD, (struct slots){'a', 0, false});
	check((struct slots){'a', 0, false}, 'b', 'a', SLOTS_GOOD, (struct slots){'a', 0, false});
	check((struct slots){'a', 'b', false}, 0, 'b', SLOTS_TRIAL, (struct slots){'a', 'b', true});
	/* A word from an earlier trial does not make up for this one. */
	check((struct slots){'a', 'b', false}, 'b', 'b', SLOTS_TRIAL,
	      (struct slots){'a', 'b', true});
	check((struct slots){'a', 'b', true}, 0, 'a', SLOTS_BACK, (struct slots){'a', 'b', true});
	check((struct slots){'a', 'b', true}, 'a', 'a', SLOTS_BACK, (struct slots){'a', 'b', true});
	check((struct slots){'a', 'b', true}, 'b', 'b', SLOTS_CONFIRMED,
	      (struct slots){'b', 0, false});
	check((struct slots){'b', 'a', true}, 'a', 'a', SLOTS_CONFIRMED,
	      (struct slots){'a', 0, false});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_state_comes_back),
	    cmocka_unit_test(cut_text_is_refused),
	    cmocka_unit_test(nonsense_is_refused),
	    cmocka_unit_test(a_trial_is_tried_once),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
