#include <inttypes.h>
#include <stdio.h>

#include "profiles/host/top/show.h"

static void family(const char *name, const char *type, const char *help)
{
	printf("# HELP caprock_%s %s\n# TYPE caprock_%s %s\n", name, help, name, type);
}

static void machine(const struct counters_page *p)
{
	family("uptime_seconds", "gauge", "Time since the hypervisor started.");
	printf("caprock_uptime_seconds %.3f\n", (double)p->head.now_ns / 1e9);
	family("hypervisor_memory_bytes", "gauge", "Memory the hypervisor holds for itself.");
	printf("caprock_hypervisor_memory_bytes %" PRIu64 "\n", p->head.hv_memory);
	family("iommu_memory_bytes", "gauge", "Tables of the remapping units.");
	printf("caprock_iommu_memory_bytes %" PRIu64 "\n", p->head.iommu_memory);
	family("iommu_faults_total", "counter", "Requests of devices that were blocked.");
	printf("caprock_iommu_faults_total %" PRIu64 "\n", p->head.iommu_faults);
}

/* One family with a value for each workstation. */
static void each(const struct counters_page *p, const char *name, const char *type,
		 const char *help, size_t offset)
{
	struct counters_workstation w;

	family(name, type, help);
	for (uint32_t i = 0; i < p->head.workstations; i++) {
		counters_workstation(p, i, &w);
		printf("caprock_%s{workstation=\"%s\"} %" PRIu64 "\n", name, w.name,
		       *(const uint64_t *)((const char *)&w + offset));
	}
}

static void workstations(const struct counters_page *p)
{
	struct counters_workstation w;
	uint64_t exits[EXIT_CAUSES];

	family("workstation_up", "gauge", "1 while the workstation runs.");
	for (uint32_t i = 0; i < p->head.workstations; i++) {
		counters_workstation(p, i, &w);
		printf("caprock_workstation_up{workstation=\"%s\"} %d\n", w.name,
		       w.state == WS_RUNNING);
	}
	each(p, "workstation_memory_bytes", "gauge", "Memory of the workstation.",
	     offsetof(struct counters_workstation, memory));
	each(p, "workstation_starts_total", "counter", "Starts and restarts.",
	     offsetof(struct counters_workstation, starts));
	each(p, "workstation_iommu_faults_total", "counter", "Blocked requests of its devices.",
	     offsetof(struct counters_workstation, iommu_faults));
	each(p, "workstation_refused_total", "counter", "Accesses to what it does not have.",
	     offsetof(struct counters_workstation, refused));
	family("exits_total", "counter", "Exits of its cores to the hypervisor, by cause.");
	for (uint32_t i = 0; i < p->head.workstations; i++) {
		counters_workstation(p, i, &w);
		counters_exits(p, i, exits);
		for (unsigned c = 0; c < EXIT_CAUSES; c++)
			printf("caprock_exits_total{workstation=\"%s\",cause=\"%s\"} %" PRIu64 "\n",
			       w.name, exit_cause_name(c), exits[c]);
	}
}

static void devices(const struct counters_page *p)
{
	struct counters_device d;

	family("device_faults_total", "counter", "Blocked requests of a device.");
	for (uint32_t i = 0; i < p->head.devices; i++) {
		counters_device(p, i, &d);
		printf(
		    "caprock_device_faults_total{device=\"%04x:%02x:%02x.%x\",state=\"%s\"} %" PRIu64
		    "\n",
		    d.segment, d.bus, d.devfn >> 3, d.devfn & 7, device_state_name(d.state),
		    d.faults);
	}
}

void top_metrics(const struct counters_page *p)
{
	machine(p);
	workstations(p);
	devices(p);
	fflush(stdout);
}
