#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "passthrough/host/vfio.h"

static void ask_regions(int device, u32 n, struct vfio_answers *out)
{
	for (u32 i = 0; i < n && out->nregions < VFIO_FACTS_REGIONS; i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};

		if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) || !info.size)
			continue;
		out->regions[out->nregions++] = (struct vfio_region){
		    .index = i,
		    .size = info.size,
		    .read = info.flags & VFIO_REGION_INFO_FLAG_READ,
		    .write = info.flags & VFIO_REGION_INFO_FLAG_WRITE,
		    .mmap = info.flags & VFIO_REGION_INFO_FLAG_MMAP,
		};
	}
}

static void ask_interrupts(int device, u32 n, struct vfio_answers *out)
{
	for (u32 i = 0; i < n && out->ninterrupts < VFIO_FACTS_INTERRUPTS; i++) {
		struct vfio_irq_info info = {.argsz = sizeof(info), .index = i};

		if (ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) || !info.count)
			continue;
		out->interrupts[out->ninterrupts++] = (struct vfio_interrupt){i, info.count};
	}
}

static bool ask_device(int device, struct vfio_answers *out)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	if (ioctl(device, VFIO_DEVICE_GET_INFO, &info))
		return false;
	out->reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	ask_regions(device, info.num_regions, out);
	ask_interrupts(device, info.num_irqs, out);
	return true;
}

static bool failed(char *why, size_t size, const char *what)
{
	snprintf(why, size, "%s: %s", what,
		 errno == EBUSY ? "somebody uses the group" : strerror(errno));
	return false;
}

/* The group has to be in a container with an IOMMU model before it gives out its devices. */
static bool ask_group(int container, int group, const char *name, struct vfio_answers *out,
		      char *why, size_t size)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	bool good;
	int device;

	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status))
		return failed(why, size, "status of the group");
	out->viable = status.flags & VFIO_GROUP_FLAGS_VIABLE;
	if (!out->viable) {
		snprintf(why, size,
			 "another function of its group is bound to a driver of the host");
		return false;
	}
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		return failed(why, size, "container");
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return failed(why, size, "IOMMU model");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device < 0)
		return failed(why, size, "device");
	good = ask_device(device, out) || failed(why, size, "answers of the device");
	close(device);
	return good;
}

bool vfio_ask(struct bdf bdf, u32 group_number, struct vfio_answers *out, char *why, size_t size)
{
	char path[32], name[16];
	int container, group;
	bool good = false;

	*out = (struct vfio_answers){0};
	snprintf(path, sizeof(path), "/dev/vfio/%u", group_number);
	snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", bdf.segment, bdf.bus, bdf.devfn >> 3,
		 bdf.devfn & 7);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		return failed(why, size, "/dev/vfio/vfio");
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0) {
		failed(why, size, path);
	} else {
		good = ask_group(container, group, name, out, why, size);
		close(group);
	}
	close(container);
	return good;
}
