/* The body of the guest's DSDT, private to gacpi.c. */
#pragma once

#include "core/vcpu/aml.h"
#include "core/vcpu/gacpi.h"

void gacpi_write_dsdt(struct aml *a, const struct gacpi_config *c);
