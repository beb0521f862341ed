/* The assigned functions of the machine: whose they are, and what the counters page shows of them. */
#pragma once

#include "core/abi.h"

/* Rows of the counters page: functions that are no bridges. Fixed once the machine is surveyed. */
u32 devices_rows(void);
void devices_count(struct counters_device *rows);
