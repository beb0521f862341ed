/* A machine's facts as a page for people: groups first, as everybody knows them. */
#pragma once

#include <stdio.h>

#include "profiles/facts.h"

void facts_list(const struct facts *f, FILE *out);
