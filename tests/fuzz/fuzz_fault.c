/* Any bytes as a fault record of either vendor: what comes out is in range and has a line of text. */
#include <stdlib.h>
#include <string.h>

#include "iommu/amdvi/amdvi.h"
#include "iommu/fault.h"
#include "iommu/vtd/unit.h"

static void check(const struct iommu_fault *f, const char *driver, u16 segment)
{
	char line[FAULT_TEXT], small[20];

	if ((u32)f->kind >= IOMMU_FAULT_KINDS || !f->reason || !f->reason[0] ||
	    f->segment != segment)
		abort();
	iommu_fault_text(f, driver, "a-workstation-of-31-letters-long", line, sizeof(line));
	if (strlen(line) < 20 || strlen(line) >= sizeof(line))
		abort();
	for (const char *p = line; *p; p++)
		if (*p < ' ' || *p > '~')
			abort();
	iommu_fault_text(f, driver, "", small, sizeof(small));
	if (strlen(small) >= sizeof(small))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
	struct iommu_fault f;
	u64 q[2];
	u16 segment;

	if (n < sizeof(q) + sizeof(segment))
		return 0;
	memcpy(q, bytes, sizeof(q));
	memcpy(&segment, bytes + sizeof(q), sizeof(segment));
	amdvi_event_decode(segment, q[0], q[1], &f);
	check(&f, "AMD-Vi", segment);
	vtd_fault_decode(segment, q[0], q[1], &f);
	check(&f, "VT-d", segment);
	return 0;
}
