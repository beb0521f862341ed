/* Which backend runs this machine's guests. */
#include "core/base/mem.h"
#include "core/metal/asm.h"
#include "core/metal/panic.h"
#include "core/metal/run.h"
#include "core/metal/svm/svm.h"
#include "core/metal/vmx/vmx.h"

const struct virt_ops *virt;

/* By vendor; a backend without its feature says so in its own words. */
static const struct {
	const char *vendor;
	const struct virt_ops *ops;
} vendors[] = {
    {"AuthenticAMD", &svm_ops},
    {"HygonGenuine", &svm_ops},
    {"GenuineIntel", &vmx_ops},
};

/* By feature, for whoever else builds to one of the two manuals. */
static const struct {
	u32 leaf;
	u8 bit; /* of ECX */
	const struct virt_ops *ops;
} features[] = {
    {0x80000001, 2, &svm_ops},
    {1, 5, &vmx_ops},
};

static const struct virt_ops *by_feature(void)
{
	u32 r[4], max;

	cpuid(0x80000000, 0, r);
	max = r[0];
	for (u32 i = 0; i < ARRAY_SIZE(features); i++) {
		if (features[i].leaf & 0x80000000 && features[i].leaf > max)
			continue;
		cpuid(features[i].leaf, 0, r);
		if (r[2] >> features[i].bit & 1)
			return features[i].ops;
	}
	return NULL;
}

void virt_choose(void)
{
	const char *why, *remedy;
	char vendor[13] = {0};
	u32 r[4];

	cpuid(0, 0, r);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	virt = NULL;
	for (u32 i = 0; i < ARRAY_SIZE(vendors); i++)
		if (!memcmp(vendors[i].vendor, vendor, 12))
			virt = vendors[i].ops;
	if (!virt)
		virt = by_feature();
	if (!virt)
		refuse_boot("Use a processor with AMD-V or Intel VT-x",
			    "the processor ('%s') offers neither SVM (AMD-V) nor VMX (Intel VT-x)",
			    vendor);
	if (!virt->present(&why, &remedy))
		refuse_boot(remedy, "%s", why);
}
