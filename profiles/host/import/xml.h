/* Reading XML trees, and writing what was read as YAML. Private to profiles/host/import. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <libxml/tree.h>

#define for_each_child(child, parent) \
	for (xmlNode *child = (parent)->children; child; child = child->next)

/* An element of that name? */
bool xml_is(const xmlNode *n, const char *name);
/* The first child element of that name; NULL: none, or n is NULL. */
xmlNode *xml_child_of(const xmlNode *n, const char *name);
/* Text of an element without the space around it; the caller frees. NULL: none. */
char *xml_text_of(const xmlNode *n);
/* An attribute as a number, 0x for hexadecimal; false: there is none. */
bool xml_number_of(const xmlNode *n, const char *attribute, unsigned long *v);

/* "key: text" as a line, the text in double quotes. */
void yaml_put_quoted(const char *key, const char *text, FILE *out);
