#include <stdio.h>

#include "profiles/host/json.h"
#include "profiles/host/top/show.h"

static void exits(struct json *j, const struct counters_page *p, uint32_t i)
{
	uint64_t n[EXIT_CAUSES];

	counters_exits(p, i, n);
	json_object(j, "exits");
	for (unsigned c = 0; c < EXIT_CAUSES; c++)
		json_number(j, exit_cause_name(c), n[c]);
	json_end(j, '}');
}

static void workstation(struct json *j, const struct counters_page *p, uint32_t i)
{
	struct counters_workstation w;

	counters_workstation(p, i, &w);
	json_object(j, NULL);
	json_string(j, "name", w.name);
	json_string(j, "state", workstation_state_name(w.state));
	json_number(j, "cores", w.cpus);
	json_number(j, "memory", w.memory);
	json_number(j, "table_memory", w.table_memory);
	json_number(j, "started_ns", w.started_ns);
	json_number(j, "starts", w.starts);
	json_number(j, "iommu_faults", w.iommu_faults);
	json_number(j, "refused", w.refused);
	exits(j, p, i);
	json_end(j, '}');
}

static void device(struct json *j, const struct counters_page *p, uint32_t i)
{
	struct counters_workstation w;
	struct counters_device d;
	char text[24];

	counters_device(p, i, &d);
	json_object(j, NULL);
	snprintf(text, sizeof(text), "%04x:%02x:%02x.%x", d.segment, d.bus, d.devfn >> 3,
		 d.devfn & 7);
	json_string(j, "bdf", text);
	snprintf(text, sizeof(text), "%04x:%04x", d.vendor, d.device);
	json_string(j, "ids", text);
	json_hex(j, "class", d.class_code);
	if (d.workstation < p->head.workstations)
		counters_workstation(p, d.workstation, &w);
	json_string(j, "workstation", d.workstation < p->head.workstations ? w.name : NULL);
	json_string(j, "state", device_state_name(d.state));
	json_number(j, "interrupts", d.interrupts);
	json_number(j, "faults", d.faults);
	json_number(j, "resets", d.resets);
	json_end(j, '}');
}

void top_json(const struct counters_page *p)
{
	struct json j = {.out = stdout};

	json_object(&j, NULL);
	json_number(&j, "now_ns", p->head.now_ns);
	json_number(&j, "hv_memory", p->head.hv_memory);
	json_number(&j, "iommu_memory", p->head.iommu_memory);
	json_number(&j, "iommu_faults", p->head.iommu_faults);
	json_array(&j, "workstations");
	for (uint32_t i = 0; i < p->head.workstations; i++)
		workstation(&j, p, i);
	json_end(&j, ']');
	json_array(&j, "devices");
	for (uint32_t i = 0; i < p->head.devices; i++)
		device(&j, p, i);
	json_end(&j, ']');
	json_end(&j, '}');
	printf("\n");
	fflush(stdout);
}
