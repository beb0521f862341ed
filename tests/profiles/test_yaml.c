/* The YAML layer: trees with places, and everything the language has no use for refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "profiles/host/yaml/yaml.h"
#include "profiles/nearest.h"

static struct diagnostic said[8];
static u32 nsaid;

static void note(void *ctx, const struct diagnostic *d)
{
	if (nsaid < ARRAY_SIZE(said))
		said[nsaid] = *d;
	nsaid++;
}

static struct yaml_node *read_text(struct chunks *mem, const char *text)
{
	struct reporter r = {.sink = note};

	nsaid = 0;
	return yaml_read_memory("f.yaml", text, strlen(text), mem, &r);
}

static void nodes_know_their_places(void **state)
{
	struct chunks mem = {0};
	const struct yaml_node *root = read_text(&mem, "# c\nname: one\nlist:\n  - 0x10\n"
						       "  - {a: yes, b: 'yes'}\n"),
			       *n;
	bool b = false;
	u64 v = 0;

	assert_non_null(root);
	assert_int_equal(nsaid, 0);
	assert_int_equal(root->n, 2);
	n = yaml_find(root, "name");
	assert_string_equal(n->text, "one");
	assert_string_equal(n->at.file, "f.yaml");
	assert_int_equal(n->at.line, 2);
	assert_int_equal(n->at.column, 7);
	assert_int_equal(n->key_at.column, 1);
	n = yaml_find(root, "list");
	assert_int_equal(n->kind, YAML_LIST);
	assert_true(yaml_u64(n->first, &v));
	assert_int_equal(v, 16);
	n = n->first->next;
	assert_int_equal(n->at.line, 5);
	assert_int_equal(n->at.column, 5);
	assert_true(yaml_bool(yaml_find(n, "a"), &b));
	assert_true(b);
	assert_false(yaml_bool(yaml_find(n, "b"), &b));
	assert_null(yaml_find(n, "c"));
	assert_null(yaml_find(n->first, "a"));
	chunks_free(&mem);
}

static void refused(const char *text, const char *rule, u32 line, u32 column, const char *says)
{
	struct chunks mem = {0};

	read_text(&mem, text);
	assert_int_equal(nsaid, 1);
	assert_string_equal(said[0].rule, rule);
	assert_int_equal(said[0].severity, SEVERITY_ERROR);
	assert_int_equal(said[0].at.line, line);
	assert_int_equal(said[0].at.column, column);
	if (!strstr(said[0].text, says))
		fail_msg("\"%s\" does not say \"%s\"", said[0].text, says);
	assert_true(strlen(said[0].remedy) > 10);
	chunks_free(&mem);
}

static void what_is_no_profile_is_refused(void **state)
{
	refused("a: 1\nb: 2\na: 3\n", "doubled-key", 3, 1, "after line 1");
	refused("a: [1\nb: 2\n", "yaml-syntax", 2, 2, "not YAML");
	refused("a: &x 1\n", "yaml-syntax", 1, 4, "anchor");
	refused("a: !int 1\n", "yaml-syntax", 1, 4, "tag");
	refused("a: *x\n", "yaml-syntax", 1, 4, "alias");
	refused("[a]: b\n", "yaml-syntax", 1, 1, "a key is a list");
	refused("a: 1\n---\nb: 2\n", "yaml-syntax", 2, 1, "second document");
	refused("a: \"x\\0y\"\n", "yaml-syntax", 1, 4, "NUL");
	refused("a:\t- b\n", "yaml-syntax", 1, 4, "not YAML");
	refused("a: \xff\n", "yaml-syntax", 0, 0, "not YAML");
	refused("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0", "yaml-syntax", 1, 33, "more than 32 deep");
}

static void an_empty_file_is_an_empty_map(void **state)
{
	struct chunks mem = {0};
	struct yaml_node *root = read_text(&mem, "# nothing\n");

	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->n, 0);
	chunks_free(&mem);
}

static void long_maps_are_refused_long_lists_are_not(void **state)
{
	struct chunks mem = {0};
	char *text = malloc(1 << 20), *p = text;

	for (int i = 0; i <= YAML_KEYS_MAX; i++)
		p += sprintf(p, "k%d: 1\n", i);
	assert_null(read_text(&mem, text));
	assert_string_equal(said[0].text, "a map has more than 4096 keys");
	p = text;
	for (int i = 0; i <= 2 * YAML_KEYS_MAX; i++)
		p += sprintf(p, "- %d\n", i);
	assert_int_equal(read_text(&mem, text)->n, 2 * YAML_KEYS_MAX + 1);
	free(text);
	chunks_free(&mem);
}

static void scalar(const char *text, bool number, u64 v)
{
	struct yaml_node n = {.kind = YAML_SCALAR, .text = text};
	u64 out = 77;

	assert_int_equal(yaml_u64(&n, &out), number);
	assert_int_equal(out, number ? v : 77);
}

static void numbers(void **state)
{
	scalar("0", true, 0);
	scalar("18446744073709551615", true, ~0ull);
	scalar("18446744073709551616", false, 0);
	scalar("0xffffffffffffffff", true, ~0ull);
	scalar("0x10000000000000000", false, 0);
	scalar("0x", false, 0);
	scalar("", false, 0);
	scalar("-1", false, 0);
	scalar("1 ", false, 0);
	scalar("a", false, 0);
}

static void files_that_cannot_be_read(void **state)
{
	struct reporter r = {.sink = note};
	struct chunks mem = {0};

	nsaid = 0;
	assert_null(yaml_read_file("/no/such/file", &mem, &r));
	assert_null(yaml_read_file("/", &mem, &r));
	assert_int_equal(r.errors, 2);
	assert_string_equal(said[0].text, "/no/such/file: No such file or directory");
	assert_string_equal(said[1].text, "/: is no file");
	chunks_free(&mem);
}

static void the_nearest_word(void **state)
{
	static const char *const words[] = {"memory", "cores", "kernel", "command-line", "devices"};
	static const struct {
		const char *typed;
		u32 meant;
	} typos[] = {{"memry", 0},	 {"memoyr", 0}, {"Cores", 1},  {"core", 1},
		     {"kernal", 2},	 {"xyz", ~0u},	{"device", 4}, {"command_line", 3},
		     {"commandline", 3}, {"", ~0u}};

	for (u32 i = 0; i < ARRAY_SIZE(typos); i++)
		if (nearest_word(typos[i].typed, words, 5, sizeof(*words)) != typos[i].meant)
			fail_msg("'%s' finds word %u", typos[i].typed,
				 nearest_word(typos[i].typed, words, 5, sizeof(*words)));
	assert_int_equal(edit_distance("kitten", "sitting"), 3);
	assert_int_equal(edit_distance("ab", "ba"), 1);
	assert_int_equal(edit_distance("", "abc"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nodes_know_their_places),
	    cmocka_unit_test(what_is_no_profile_is_refused),
	    cmocka_unit_test(an_empty_file_is_an_empty_map),
	    cmocka_unit_test(long_maps_are_refused_long_lists_are_not),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(files_that_cannot_be_read),
	    cmocka_unit_test(the_nearest_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
