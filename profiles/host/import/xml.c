#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/host/import/xml.h"

bool xml_is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

xmlNode *xml_child_of(const xmlNode *n, const char *name)
{
	if (n)
		for_each_child(c, n) if (xml_is(c, name)) return c;
	return NULL;
}

/* Text of an element without the space around it; the caller frees. NULL: none. */
char *xml_text_of(const xmlNode *n)
{
	xmlChar *raw = n ? xmlNodeGetContent(n) : NULL;
	char *copy, *start = (char *)raw, *end;

	if (!raw)
		return NULL;
	while (isspace((unsigned char)*start))
		start++;
	end = start + strlen(start);
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	copy = strdup(start);
	xmlFree(raw);
	return copy;
}

bool xml_number_of(const xmlNode *n, const char *attribute, unsigned long *v)
{
	xmlChar *text = n ? xmlGetProp(n, (const xmlChar *)attribute) : NULL;
	char *end;
	bool good;

	if (!text)
		return false;
	*v = strtoul((char *)text, &end, 0);
	good = end != (char *)text && !*end;
	xmlFree(text);
	return good;
}

/*
 * A double-quoted YAML scalar. libxml2 gives valid UTF-8; of what XML allows, YAML wants control
 * characters (U+0000-1F, 7F-9F) and the byte order mark escaped.
 */
void yaml_put_quoted(const char *key, const char *text, FILE *out)
{
	fprintf(out, "%s: \"", key);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\') {
			fprintf(out, "\\%c", *c);
		} else if (*c < 32 || *c == 0x7f) {
			fprintf(out, "\\x%02x", *c);
		} else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
			fprintf(out, "\\x%02x", c[1]);
			c++;
		} else if (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf) {
			fputs("\\ufeff", out);
			c += 2;
		} else {
			fputc(*c, out);
		}
	}
	fputs("\"\n", out);
}
