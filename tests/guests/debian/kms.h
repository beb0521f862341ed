/* The job that shows a picture (kms.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void job_kms(const char *arg);
