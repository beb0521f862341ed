#include "core/base/abi_name.h"

static const char *const causes[EXIT_CAUSES] = {
    "cpuid",  "msr_read", "msr_write", "ipi", "apic", "io",	 "mmio",     "cr",
    "xsetbv", "cache",	  "exception", "nmi", "iret", "refused", "shutdown", "other",
};

static const char *const states[] = {
    [WS_EMPTY] = "empty",	[WS_STARTING] = "starting", [WS_RUNNING] = "running",
    [WS_STOPPING] = "stopping", [WS_OFF] = "off",	    [WS_FAILED] = "failed",
};

static const char *const device_states[] = {
    [DEVICE_QUARANTINED] = "quarantined", [DEVICE_RUNNING] = "running",
    [DEVICE_SILENCED] = "silenced",	  [DEVICE_PARKED] = "parked",
    [DEVICE_UNCOVERED] = "uncovered",
};

static const char *name_of(const char *const *names, u32 n, u32 i)
{
	return i < n ? names[i] : "unknown";
}

const char *exit_cause_name(u32 cause)
{
	return name_of(causes, EXIT_CAUSES, cause);
}

const char *workstation_state_name(u32 state)
{
	return name_of(states, ARRAY_SIZE(states), state);
}

const char *device_state_name(u32 state)
{
	return name_of(device_states, ARRAY_SIZE(device_states), state);
}
