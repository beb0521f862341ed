/*
 * Writing JSON (RFC 8259) to a stdio stream: values in order, commas and escapes taken care of.
 * Errors are the stream's: check ferror() at the end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 32

struct json {
	FILE *out;
	unsigned depth;
	bool some[JSON_DEPTH]; /* the open object or array has a member already */
};

/* `key` is the member's name inside an object, NULL inside an array or at the top. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Close the innermost object or array (']' or '}'). */
void json_end(struct json *j, char bracket);

/* Text is taken as UTF-8; bytes that are not become U+FFFD. NULL is written as null. */
void json_string(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, uint64_t n);
void json_bool(struct json *j, const char *key, bool v);
/* An address or bit field as a string, "0xfed90000": JSON numbers lose bits above 2^53. */
void json_hex(struct json *j, const char *key, uint64_t n);
