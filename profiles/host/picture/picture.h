/* The plan as a picture: cores, memory and devices in the colours of their owners (SVG 1.1). */
#pragma once

#include <stdio.h>

#include "profiles/host/study/study.h"

/* For a study with a plan. Errors are the stream's: check ferror(). */
void picture_write(const struct study *s, FILE *out);
