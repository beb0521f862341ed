#include <inttypes.h>
#include <stdio.h>

#include "profiles/host/top/show.h"

#define CAUSES_SHOWN 6
#define NS_PER_S     1000000000ull

static void print_span(uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;

	printf("%3" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
}

static void print_workstations(const struct counters_page *p)
{
	struct counters_workstation w;

	printf("%-20s %-9s %5s %10s %10s %10s %6s %7s\n", "workstation", "state", "cores", "memory",
	       "tables", "uptime", "starts", "faults");
	for (uint32_t i = 0; i < p->head.workstations; i++) {
		counters_workstation(p, i, &w);
		printf("%-20s %-9s %5u %6" PRIu64 " MiB %6" PRIu64 " KiB  ", w.name,
		       workstation_state_name(w.state), w.cpus, w.memory >> 20,
		       w.table_memory >> 10);
		if (w.state == WS_RUNNING && p->head.now_ns >= w.started_ns)
			print_span(p->head.now_ns - w.started_ns);
		else
			printf("%9s", "-");
		printf(" %6" PRIu64 " %7" PRIu64 "\n", w.starts, w.iommu_faults);
	}
}

static void print_devices(const struct counters_page *p)
{
	struct counters_workstation w;
	struct counters_device d;

	printf("\n%-13s %-9s %-6s %-20s %-11s %10s %7s\n", "device", "ids", "class", "workstation",
	       "state", "interrupts", "faults");
	for (uint32_t i = 0; i < p->head.devices; i++) {
		counters_device(p, i, &d);
		w.name[0] = '-', w.name[1] = 0;
		if (d.workstation < p->head.workstations)
			counters_workstation(p, d.workstation, &w);
		printf("%04x:%02x:%02x.%x  %04x:%04x %06x %-20s %-11s %10u %7" PRIu64 "\n",
		       d.segment, d.bus, d.devfn >> 3, d.devfn & 7, d.vendor, d.device,
		       d.class_code & 0xffffff, w.name, device_state_name(d.state), d.interrupts,
		       d.faults);
	}
}

/* The causes with most exits first, at most CAUSES_SHOWN of them. */
static unsigned by_number(const uint64_t exits[EXIT_CAUSES], unsigned out[CAUSES_SHOWN])
{
	unsigned n = 0;

	for (unsigned c = 0; c < EXIT_CAUSES; c++) {
		unsigned at = n < CAUSES_SHOWN ? n++ : CAUSES_SHOWN;

		for (; at && exits[out[at - 1]] < exits[c]; at--)
			if (at < CAUSES_SHOWN)
				out[at] = out[at - 1];
		if (at < CAUSES_SHOWN)
			out[at] = c;
	}
	return n;
}

static double rate(uint64_t now, uint64_t before, uint64_t ns)
{
	return ns && now >= before ? (double)(now - before) * NS_PER_S / (double)ns : 0;
}

static void print_exits(const struct counters_page *p, const struct counters_page *before)
{
	uint64_t now[EXIT_CAUSES], then[EXIT_CAUSES],
	    ns = before ? p->head.now_ns - before->head.now_ns : 0;

	printf("\n%-20s %12s %9s  by cause (a second now)\n", "exits", "in all", "a second");
	for (uint32_t i = 0; i < p->head.workstations; i++) {
		struct counters_workstation w;
		uint64_t sum = 0, sum_then = 0;
		unsigned order[CAUSES_SHOWN], n;

		counters_workstation(p, i, &w);
		counters_exits(p, i, now);
		if (before)
			counters_exits(before, i, then);
		for (unsigned c = 0; c < EXIT_CAUSES; c++) {
			sum += now[c];
			sum_then += before ? then[c] : 0;
		}
		n = by_number(now, order);
		printf("%-20s %12" PRIu64 " %9.1f ", w.name, sum, rate(sum, sum_then, ns));
		for (unsigned k = 0; k < n && now[order[k]]; k++)
			printf(" %s %" PRIu64 " (%.0f)", exit_cause_name(order[k]), now[order[k]],
			       before ? rate(now[order[k]], then[order[k]], ns) : 0.0);
		printf("\n");
	}
}

void top_table(const struct counters_page *p, const struct counters_page *before)
{
	print_workstations(p);
	if (p->head.devices)
		print_devices(p);
	print_exits(p, before);
	printf("\nhypervisor: %" PRIu64 " KiB, IOMMU tables %" PRIu64 " KiB, IOMMU faults %" PRIu64
	       ", up ",
	       p->head.hv_memory >> 10, p->head.iommu_memory >> 10, p->head.iommu_faults);
	print_span(p->head.now_ns);
	printf("\n");
	fflush(stdout);
}
