/* Files named inside files. Private to profiles/host/language. */
#pragma once

#include "profiles/host/language/language.h"

/* What the file that a scalar names holds; NULL when it cannot be read, which is reported. */
const struct yaml_node *language_include(struct language *l, const struct yaml_node *n);
