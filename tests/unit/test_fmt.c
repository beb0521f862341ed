/* core/base/fmt: what a log line can hold. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "core/base/fmt.h"

#define CHECK(expected, ...)                                                            \
	do {                                                                            \
		char buf[128];                                                          \
		assert_int_equal(fmt(buf, sizeof(buf), __VA_ARGS__), strlen(expected)); \
		assert_string_equal(buf, expected);                                     \
	} while (0)

static void numbers_and_padding(void **state)
{
	CHECK("0", "%d", 0);
	CHECK("-2147483648", "%d", (int)INT32_MIN);
	CHECK("-9223372036854775808", "%ld", (long)INT64_MIN);
	CHECK("18446744073709551615", "%lu", (unsigned long)UINT64_MAX);
	CHECK("  42|42  |0042", "%4d|%-4d|%04d", 42, 42, 42);
	CHECK("0x00ff DEAD", "%#06x %X", 0xffu, 0xdeadu);
	CHECK("ff 100", "%hhx %hx", 0x1ffu, 0x100u);
	CHECK("100%", "%u%%", 100u);
	CHECK("   7", "%*d", 4, 7);
}

static void strings_and_limits(void **state)
{
	char small[5];
	const char *volatile none = NULL;

	CHECK("[abc  ][ab]", "[%-5s][%.2s]", "abc", "abc");
	CHECK("(null)", "%s", none);
	assert_int_equal(fmt(small, sizeof(small), "%s", "abcdefgh"), 8);
	assert_string_equal(small, "abcd");
	assert_int_equal(fmt(NULL, 0, "%d", 12345), 5);
}

static void every_error_has_words(void **state)
{
	for (int e = 0; e >= ERR_VERSION; e--) {
		assert_non_null(err_text(e));
		assert_string_not_equal(err_text(e), "unknown error");
	}
	assert_string_equal(err_text(ERR_VERSION - 1), "unknown error");
	assert_string_equal(err_text(1), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_and_padding),
	    cmocka_unit_test(strings_and_limits),
	    cmocka_unit_test(every_error_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
