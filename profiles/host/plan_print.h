/* A plan as text, for people or programs. */
#pragma once

#include <stdio.h>

#include "core/partition/plan.h"

void plan_print(const struct plan *p, FILE *out);
void plan_print_json(const struct plan *p, FILE *out);
