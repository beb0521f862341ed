#include <string.h>

#include "core/base/str.h"
#include "profiles/host/yaml/yaml.h"

struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	yaml_for_each(child, map) if (!strcmp(child->key, key)) return child;
	return NULL;
}

const char *yaml_kind_name(const struct yaml_node *n)
{
	switch (n->kind) {
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a map";
	default:
		return "text";
	}
}

bool yaml_u64(const struct yaml_node *n, u64 *out)
{
	const char *s = n->text;
	unsigned base = 10;
	u64 v = 0;

	if (n->kind != YAML_SCALAR || n->quoted)
		return false;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return false;
	for (; *s; s++) {
		int d = str_hex_digit(*s);

		if (d < 0 || d >= (int)base || __builtin_mul_overflow(v, (u64)base, &v) ||
		    __builtin_add_overflow(v, (u64)d, &v))
			return false;
	}
	*out = v;
	return true;
}

bool yaml_bool(const struct yaml_node *n, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"true", true}, {"false", false}, {"yes", true},
		     {"no", false},  {"on", true},     {"off", false}};

	if (n->kind != YAML_SCALAR || n->quoted)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(n->text, words[i].word))
			continue;
		*out = words[i].value;
		return true;
	}
	return false;
}
