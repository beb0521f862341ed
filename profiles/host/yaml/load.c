#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "profiles/host/yaml/yaml.h"

/* A list or map that is still open. */
struct level {
	struct yaml_node *node;
	struct yaml_node **end; /* where the next child goes */
	const char *key;	/* of the value to come, map only */
	struct place key_at;
};

struct loader {
	yaml_parser_t parser;
	const char *name; /* in the chunks */
	struct chunks *mem;
	struct reporter *r;
	struct yaml_node *root;
	struct level levels[YAML_DEPTH_MAX];
	u32 depth;
	bool done, bad;
};

static struct place place_of(const struct loader *l, const yaml_mark_t *m)
{
	return (struct place){l->name, (u32)m->line + 1, (u32)m->column + 1};
}

static void refuse(struct loader *l, struct place at, const char *remedy, const char *text)
{
	report(l->r, "yaml-syntax", SEVERITY_ERROR, at, remedy, "%s", text);
	l->bad = true;
}

static const char *copy(struct loader *l, const yaml_event_t *e)
{
	size_t n = e->data.scalar.length;
	char *text = chunks_take(l->mem, n + 1, 1);

	memcpy(text, e->data.scalar.value, n);
	if (memchr(text, 0, n))
		refuse(l, place_of(l, &e->start_mark), "Leave the NUL character out",
		       "a text has a NUL character inside");
	return text;
}

/* The node becomes the value of the pending key, the next item, or the root. */
static void attach(struct loader *l, struct yaml_node *node)
{
	struct level *top = l->depth ? &l->levels[l->depth - 1] : NULL;

	if (!top) {
		l->root = node;
		return;
	}
	if (top->node->kind == YAML_MAP) {
		struct yaml_node *twin = yaml_find(top->node, top->key);

		if (top->node->n == YAML_KEYS_MAX)
			refuse(l, top->key_at, "Write it as a list",
			       "a map has more than 4096 keys");
		node->key = top->key;
		node->key_at = top->key_at;
		top->key = NULL;
		if (twin) {
			report(l->r, "doubled-key", SEVERITY_ERROR, node->key_at,
			       "Keep one of the two",
			       "the key '%s' is here a second time, after line %u", node->key,
			       twin->key_at.line);
			return;
		}
	}
	*top->end = node;
	top->end = &node->next;
	top->node->n++;
}

static void scalar(struct loader *l, const yaml_event_t *e)
{
	struct level *top = l->depth ? &l->levels[l->depth - 1] : NULL;
	struct place at = place_of(l, &e->start_mark);
	const char *text = copy(l, e);
	struct yaml_node *node;

	if (top && top->node->kind == YAML_MAP && !top->key) {
		top->key = text;
		top->key_at = at;
		return;
	}
	node = chunks_take(l->mem, 1, sizeof(*node));
	*node = (struct yaml_node){
	    .kind = YAML_SCALAR,
	    .quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE,
	    .at = at,
	    .text = text,
	};
	attach(l, node);
}

static void open_node(struct loader *l, const yaml_event_t *e, enum yaml_kind kind)
{
	struct level *top = l->depth ? &l->levels[l->depth - 1] : NULL;
	struct place at = place_of(l, &e->start_mark);
	struct yaml_node *node;

	if (top && top->node->kind == YAML_MAP && !top->key) {
		refuse(l, at, "Use a plain word as the key", "a key is a list or a map");
		return;
	}
	if (l->depth == YAML_DEPTH_MAX) {
		refuse(l, at, "Write it flatter; no profile needs that",
		       "lists and maps are nested more than 32 deep");
		return;
	}
	node = chunks_take(l->mem, 1, sizeof(*node));
	*node = (struct yaml_node){.kind = kind, .at = at, .text = ""};
	attach(l, node);
	l->levels[l->depth++] = (struct level){.node = node, .end = &node->first};
}

static void event(struct loader *l, const yaml_event_t *e)
{
	static const char no_references[] = "Write it out: profiles have no anchors and tags";

	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		l->done = true;
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (l->root)
			refuse(l, place_of(l, &e->start_mark), "Put it into a file of its own",
			       "a second document begins here");
		break;
	case YAML_ALIAS_EVENT:
		refuse(l, place_of(l, &e->start_mark), no_references, "there is an alias (*) here");
		break;
	case YAML_SCALAR_EVENT:
		if (e->data.scalar.anchor || e->data.scalar.tag)
			refuse(l, place_of(l, &e->start_mark), no_references,
			       "there is an anchor (&) or a tag (!) here");
		else
			scalar(l, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT: {
		bool map = e->type == YAML_MAPPING_START_EVENT;
		const void *anchor =
		    map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
		const void *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;

		if (anchor || tag)
			refuse(l, place_of(l, &e->start_mark), no_references,
			       "there is an anchor (&) or a tag (!) here");
		else
			open_node(l, e, map ? YAML_MAP : YAML_LIST);
		break;
	}
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		l->depth--;
		break;
	default:
		break;
	}
}

static void syntax_error(struct loader *l)
{
	const yaml_parser_t *p = &l->parser;
	struct place at = place_of(l, &p->problem_mark);

	if (p->error == YAML_READER_ERROR)
		at = (struct place){l->name, 0, 0};
	report(l->r, "yaml-syntax", SEVERITY_ERROR, at,
	       "Look at the indentation, colons, brackets and quotes here and in the line before",
	       "this is not YAML: %s%s%s", p->problem ? p->problem : "it cannot be read",
	       p->context ? ", " : "", p->context ? p->context : "");
	l->bad = true;
}

struct yaml_node *yaml_read_memory(const char *name, const void *data, size_t size,
				   struct chunks *mem, struct reporter *r)
{
	struct loader l = {.name = chunks_copy(mem, name), .mem = mem, .r = r};
	yaml_event_t e;

	if (!yaml_parser_initialize(&l.parser)) {
		refuse(&l, (struct place){l.name, 0, 0}, "Free some memory", "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&l.parser, data, size);
	while (!l.done && !l.bad) {
		if (!yaml_parser_parse(&l.parser, &e)) {
			syntax_error(&l);
			break;
		}
		event(&l, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&l.parser);
	if (l.bad)
		return NULL;
	if (!l.root) {
		l.root = chunks_take(mem, 1, sizeof(*l.root));
		*l.root = (struct yaml_node){.kind = YAML_MAP, .at = {l.name, 1, 1}, .text = ""};
	}
	return l.root;
}

struct yaml_node *yaml_read_file(const char *path, struct chunks *mem, struct reporter *r)
{
	struct place at = {chunks_copy(mem, path), 0, 0};
	FILE *f = fopen(path, "rb");
	struct yaml_node *root;
	struct stat st;
	size_t size;
	char *data;

	if (!f || fstat(fileno(f), &st)) {
		report(r, "unknown-file", SEVERITY_ERROR, at, "Name a file that can be read",
		       "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > YAML_FILE_MAX) {
		report(r, "unknown-file", SEVERITY_ERROR, at, "Name a YAML file", "%s: %s", path,
		       S_ISREG(st.st_mode) ? "is larger than 64 MiB" : "is no file");
		fclose(f);
		return NULL;
	}
	size = (size_t)st.st_size;
	data = malloc(size + 1);
	if (!data || fread(data, 1, size, f) != size) {
		report(r, "unknown-file", SEVERITY_ERROR, at, "Name a file that can be read",
		       "%s: it cannot be read whole", path);
		root = NULL;
	} else {
		root = yaml_read_memory(path, data, size, mem, r);
	}
	free(data);
	fclose(f);
	return root;
}
