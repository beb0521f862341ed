/* vgpu/head, vgpu/edid and profiles/heads: which connector a head means, and the words its kernel is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/err.h"
#include "profiles/resolve.h"
#include "vgpu/edid.h"

/* ---- words ------------------------------------------------------------------------------------- */

static void connectors_have_a_type_and_a_number(void **state)
{
	static const struct {
		const char *name;
		u32 type, number;
	} good[] = {
	    {"DP-1", 2, 1},  {"HDMI-A-12", 6, 12},	{"Virtual-1", 7, 1},
	    {"eDP-1", 3, 1}, {"DVI-I-99999", 5, 99999},
	};
	static const char *const bad[] = {
	    "",
	    "DP",
	    "DP-",
	    "DP-0",
	    "DP-01",
	    "-1",
	    "1",
	    "DP-1 ",
	    "DP 1",
	    "DP-1,x-2",
	    "DP-1:e",
	    "D\"P-1",
	    "DP-1\n",
	    "DP-100000",
	    "DP1-1",
	    "-DP-1",
	    "../DP-1",
	    "DP=-1",
	    "D\xc3\x9cP-1",
	    "DP-1.bin",
	    "init=/x-1",
	    "ThisConnectorHasFarTooLongANam-1",
	};
	u32 number;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(head_connector_type(good[i].name, &number), good[i].type);
		assert_int_equal(number, good[i].number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (head_connector_type(bad[i], &number))
			fail_msg("'%s' is taken for a connector", bad[i]);
}

static void words_say_modes_and_edids(void **state)
{
	char out[HEADS_WORDS_MAX];
	struct head h[] = {
	    {"DP-1", 2560, 1440, 60, true},
	    {"", 1920, 1080, 60, true}, /* not found: nothing of it is told */
	    {"HDMI-A-1", 1920, 1080, 0, false},
	    {"DP-2", 0, 0, 0, true},
	    {"VGA-1", 0, 0, 0, false}, /* asks for nothing */
	};

	size_t n = heads_words(h, 5, out);

	assert_int_equal(n, strlen(out));
	assert_string_equal(out,
			    "firmware_class.path=/caprock drm.edid_firmware=DP-1:edid/DP-1.bin,"
			    "DP-2:edid/DP-2.bin video=DP-1:2560x1440@60e "
			    "video=HDMI-A-1:1920x1080 video=DP-2:e ");
	assert_int_equal(heads_words(h, 0, out), 0);
	assert_string_equal(out, "");
	assert_int_equal(heads_words(&h[4], 1, out), 0);
}

static void the_longest_words_fit(void **state)
{
	char out[HEADS_WORDS_MAX + 1];
	struct head h[HEADS_MAX];

	for (u32 i = 0; i < HEADS_MAX; i++) {
		h[i] = (struct head){"Abcdefghijklmnopqrstuvwxy-99999", ~0u, ~0u, ~0u, true};
		assert_true(head_connector_type(h[i].connector, &(u32){0}));
		assert_int_equal(strlen(h[i].connector), HEAD_CONNECTOR_MAX - 1);
	}
	out[HEADS_WORDS_MAX] = 0x5a;
	size_t n = heads_words(h, HEADS_MAX, out);

	assert_int_equal(n, strlen(out));
	assert_true(strlen(out) < HEADS_WORDS_MAX);
	assert_int_equal(out[strlen(out) - 1], ' ');
	assert_int_equal(out[HEADS_WORDS_MAX], 0x5a);
}

/* ---- EDID -------------------------------------------------------------------------------------- */

static void edids_are_looked_at(void **state)
{
	u8 e[2 * EDID_BLOCK] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};

	e[127] = (u8)(0 - 6 * 0xff);
	assert_null(edid_fault(e, 128));
	for (u64 n = 0; n < sizeof(e); n++)
		assert_true(n == 128 || edid_fault(e, n));
	assert_non_null(strstr(edid_fault(e, 256), "extensions"));
	e[126] = 1;
	e[127]--;
	assert_null(edid_fault(e, 256));
	assert_non_null(strstr(edid_fault(e, 128), "extensions"));
	for (u32 at = 0; at < sizeof(e); at++) {
		e[at] ^= 4;
		assert_non_null(edid_fault(e, 256));
		e[at] ^= 4;
	}
}

/* ---- which connector --------------------------------------------------------------------------- */

#define OUTPUTS(...)                                     \
	.outputs = (struct facts_output[]){__VA_ARGS__}, \
	.noutputs = sizeof((struct facts_output[]){__VA_ARGS__}) / sizeof(struct facts_output)

/* As one kernel numbered them that had all three cards. */
static struct facts_function functions[] = {
    {.bdf = {.bus = 1}}, {.bdf = {.bus = 2}}, {.bdf = {.bus = 3}}, {.bdf = {.bus = 4}}};
static struct facts_gpu gpus[] = {
    {.bdf = {.bus = 1},
     .driver = "amdgpu",
     OUTPUTS({.name = "DP-1"}, {.name = "DP-2"}, {.name = "HDMI-A-1"})},
    {.bdf = {.bus = 2},
     .driver = "amdgpu",
     OUTPUTS({.name = "DP-4"}, {.name = "DP-3"}, {.name = "HDMI-A-2"})},
    {.bdf = {.bus = 3}, .driver = "i915", OUTPUTS({.name = "DP-5"}, {.name = "VGA-1"})},
};
static const struct facts facts = {
    .functions = functions, .nfunctions = 4, .gpus = gpus, .ngpus = 3};

static struct {
	u32 n;
	char text[448];
} told;

static void note(void *ctx, const struct diagnostic *d)
{
	assert_string_equal(d->rule, "head-untold");
	assert_true(strlen(d->remedy) > 10);
	told.n++;
	snprintf(told.text, sizeof(told.text), "%s", d->text);
}

static struct reporter reporter = {.sink = note};
static const struct place places[64];

static struct profile desk(struct profile_head *heads, u32 n)
{
	for (u32 i = 0; i < n; i++)
		heads[i].p = (struct parsed){.schema = &schema_head, .places = places};
	return (struct profile){.p = {.schema = &schema_workstation, .places = places},
				.name = "desk",
				.command_line = "quiet",
				.heads = heads,
				.nheads = n};
}

#define MODE                   \
	{                      \
		1920, 1080, 60 \
	}

/* heads[0]'s connector where the workstation has these functions. */
static const char *connector(const char *output, const u32 *has, u32 n)
{
	static struct head out[HEADS_MAX];
	struct profile_head h[] = {{.output = output, .mode = MODE}};
	struct profile w = desk(h, 1);

	told.n = 0;
	heads_find(&w, has ? &facts : NULL, has, n, &reporter, out);
	return out[0].connector;
}

static void a_kernel_counts_its_own_connectors(void **state)
{
	const u32 first[] = {0}, second[] = {3, 1}, both[] = {0, 1}, turned[] = {1, 0},
		  none[] = {3};

	assert_string_equal(connector("DP-2", first, 1), "DP-2");
	assert_string_equal(connector("DP-3", second, 2), "DP-1");
	assert_string_equal(connector("DP-4", second, 2), "DP-2");
	assert_string_equal(connector("HDMI-A-2", second, 2), "HDMI-A-1");
	assert_string_equal(connector("DP-3", both, 2), "DP-3");
	assert_string_equal(connector("DP-1", turned, 2), "DP-3");
	assert_string_equal(connector("DP-4", turned, 2), "DP-2");
	assert_int_equal(told.n, 0);
	/* where nothing is known a name is the workstation's own */
	assert_string_equal(connector("DP-7", none, 1), "DP-7");
	assert_string_equal(connector("DP-7", NULL, 0), "DP-7");
	assert_int_equal(told.n, 0);
	/* a wrong one is left to the rule about it */
	assert_string_equal(connector("DP-9", first, 1), "");
	assert_int_equal(told.n, 0);
}

static void what_cannot_be_told_is_refused(void **state)
{
	const u32 mixed[] = {0, 2}, none[] = {3};

	assert_string_equal(connector("DP-1", mixed, 2), "");
	assert_true(told.n == 1 && strstr(told.text, "two drivers"));
	assert_string_equal(connector("VGA-1", mixed, 2), "VGA-1");
	assert_string_equal(connector("HDMI-A-1", mixed, 2), "HDMI-A-1");
	assert_int_equal(told.n, 0);
	assert_string_equal(connector(NULL, none, 1), "");
	assert_true(told.n == 1 && strstr(told.text, "names none"));
	assert_string_equal(connector("DP-1 init=/bin/sh", none, 1), "");
	assert_true(told.n == 1 && strstr(told.text, "no connector"));
	gpus[0].outputs = (struct facts_output[]){{.name = "DP-1\" root=/dev/sda"}};
	gpus[0].noutputs = 1;
	assert_string_equal(connector(NULL, (u32[]){0}, 1), "");
	assert_true(told.n == 1 && strstr(told.text, "no connector"));
}

static void unnamed_heads_take_what_is_free(void **state)
{
	struct head out[HEADS_MAX];
	struct profile_head h[] = {
	    {.mode = MODE}, {.output = "DP-4", .mode = MODE}, {.mode = MODE}, {.mode = MODE}};
	struct profile w = desk(h, 4);

	told.n = 0;
	heads_find(&w, &facts, (u32[]){1}, 1, &reporter, out);
	assert_string_equal(out[0].connector, "DP-1"); /* the machine's DP-3 */
	assert_string_equal(out[1].connector, "DP-2");
	assert_string_equal(out[2].connector, "HDMI-A-1");
	assert_string_equal(out[3].connector, ""); /* too-many-heads says so */
	assert_int_equal(told.n, 0);
}

static void words_of_its_own_are_not_undone(void **state)
{
	static const struct {
		const char *line;
		bool refused;
	} rows[] = {
	    {"drm.edid_firmware=edid/x.bin", true},
	    {"quiet firmware_class.path=/x", true},
	    {"quiet \"drm_kms_helper.edid_firmware=x\"", true},
	    {"notdrm.edid_firmware=x video=DP-1:1024x768", false},
	};
	struct head out[HEADS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct profile_head h[] = {{.output = "DP-1", .edid = "x.bin"}};
		struct profile w = desk(h, 1);

		w.command_line = rows[i].line;
		told.n = 0;
		heads_find(&w, NULL, NULL, 0, &reporter, out);
		assert_int_equal(told.n, rows[i].refused);
		h[0].edid = NULL;
		told.n = 0;
		heads_find(&w, NULL, NULL, 0, &reporter, out);
		assert_int_equal(told.n, 0);
	}
}

/* ---- into the command line --------------------------------------------------------------------- */

static bool too_long;

static void note_length(void *ctx, const struct diagnostic *d)
{
	too_long |= !strcmp(d->rule, "out-of-range") && strstr(d->text, "command line");
}

static void a_command_line_has_its_limit(void **state)
{
	static char own[PLAN_CMDLINE_MAX + 1];
	static u8 memory[1 << 20] __attribute__((aligned(16)));
	struct profile_head h[] = {{.output = "DP-1", .mode = MODE}};
	const char *words = "video=DP-1:1920x1080@60 ";
	u32 most = PLAN_CMDLINE_MAX - (u32)strlen(words);

	for (u32 n = most - 1; n <= most + 1; n++) {
		struct profile w = desk(h, 1);
		struct site site = {.workstations = &w, .nworkstations = 1};
		struct reporter r = {.sink = note_length};
		struct resolved out;
		struct arena arena;
		u64 room;

		memset(own, 'x', n);
		own[n] = 0;
		w.command_line = own;
		w.near = "any";
		room = resolve_memory(&site, NULL);
		arena = arena_of(memory, room);
		too_long = false;
		assert_true(room <= sizeof(memory));
		assert_int_equal(resolve(&site, NULL, &arena, &r, &out), OK);
		assert_int_equal(too_long, n > most);
		assert_int_equal(r.errors, n > most);
		if (n <= most) {
			assert_int_equal(strlen(out.wants[0].cmdline), strlen(words) + n);
			assert_memory_equal(out.wants[0].cmdline, words, strlen(words));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(connectors_have_a_type_and_a_number),
	    cmocka_unit_test(words_say_modes_and_edids),
	    cmocka_unit_test(the_longest_words_fit),
	    cmocka_unit_test(edids_are_looked_at),
	    cmocka_unit_test(a_kernel_counts_its_own_connectors),
	    cmocka_unit_test(unnamed_heads_take_what_is_free),
	    cmocka_unit_test(words_of_its_own_are_not_undone),
	    cmocka_unit_test(a_command_line_has_its_limit),
	    cmocka_unit_test(what_cannot_be_told_is_refused), /* changes the cards */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
