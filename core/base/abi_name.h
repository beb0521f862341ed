/* What people read for the numbers of core/abi.h. Never NULL; "unknown" for a number of a later version. */
#pragma once

#include "core/abi.h"

const char *exit_cause_name(u32 cause);
const char *workstation_state_name(u32 state);
const char *device_state_name(u32 state);
