#include "profiles/address.h"
#include "profiles/host/json.h"
#include "profiles/host/plan_print.h"

struct uuid_text {
	char s[40];
};

static const char *uuid_text(struct uuid_text *t, const u8 *u)
{
	snprintf(t->s, sizeof(t->s),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	return t->s;
}

static const char *path_text(struct address_text *t, const struct pci_path *p)
{
	pci_path_text(p, t->s, sizeof(t->s));
	return t->s;
}

static void print_device(const struct plan_device *d, FILE *out)
{
	struct address_text at;

	fprintf(out, "  device       %s %04x:%04x (%04x:%04x)", path_text(&at, &d->path), d->vendor,
		d->device, d->subvendor, d->subdevice);
	if (d->serial)
		fprintf(out, " serial %016llx", (unsigned long long)d->serial);
	if (d->guest_devfn != 0xff)
		fprintf(out, " at %02x.%x", d->guest_devfn >> 3, d->guest_devfn & 7);
	if (d->rom)
		fprintf(out, " ROM %s", d->rom);
	if (d->keep_reserved)
		fputs(" keeps its reserved memory", out);
	if (d->sriov_vfs)
		fprintf(out, " stays with the hypervisor for %u virtual functions", d->num_vfs);
	if (d->p2p)
		fputs(" reaches its neighbours", out);
	fputc('\n', out);
}

void plan_print(const struct plan *p, FILE *out)
{
	struct uuid_text uuid;

	fprintf(
	    out,
	    "hypervisor     %#14llx %10llu KiB, processor %u\nbundle         %#14llx %10llu KiB\n",
	    (unsigned long long)p->hv.base.v, (unsigned long long)p->hv.size >> 10, p->host_cpu,
	    (unsigned long long)p->bundle.base.v, (unsigned long long)p->bundle.size >> 10);
	for (u32 w = 0; w < p->nworkstations; w++) {
		const struct plan_workstation *ws = &p->workstations[w];

		fprintf(out, "%s\n  uuid         %s%s%s%s\n  processors  ", ws->name,
			uuid_text(&uuid, ws->uuid), ws->serial[0] ? ", serial " : "", ws->serial,
			ws->rights & RIGHT_SERVICE ? ", service" : "");
		for (u32 i = 0; i < ws->ncpus; i++)
			fprintf(out, " %u", ws->cpus[i]);
		fprintf(out, "\n  grant        %#14llx %10llu KiB\n",
			(unsigned long long)ws->grant.base.v,
			(unsigned long long)ws->grant.size >> 10);
		for (u32 i = 0; i < ws->nram; i++)
			fprintf(out, "  memory       %#14llx %10llu KiB at its own %#llx\n",
				(unsigned long long)ws->ram[i].hpa.v,
				(unsigned long long)ws->ram[i].size >> 10,
				(unsigned long long)ws->ram[i].gpa.v);
		for (u32 i = 0; i < ws->ndevices; i++)
			print_device(&ws->devices[i], out);
		fprintf(out, "  kernel       %s%s%s%s\n", ws->kernel, ws->initrd ? ", initrd " : "",
			ws->initrd ? ws->initrd : "",
			ws->autostart ? "" : ", not started by itself");
		if (ws->cmdline[0])
			fprintf(out, "  command line %s\n", ws->cmdline);
	}
}

static void json_range(struct json *j, const char *key, const struct plan_range *r)
{
	json_object(j, key);
	json_hex(j, "base", r->base.v);
	json_number(j, "size", r->size);
	json_end(j, '}');
}

static void json_device(struct json *j, const struct plan_device *d)
{
	struct address_text at;
	char ids[24];

	json_object(j, NULL);
	json_string(j, "path", path_text(&at, &d->path));
	snprintf(ids, sizeof(ids), "%04x:%04x:%04x:%04x", d->vendor, d->device, d->subvendor,
		 d->subdevice);
	json_string(j, "ids", ids);
	json_hex(j, "serial", d->serial);
	json_string(j, "rom", d->rom);
	json_bool(j, "keep_reserved", d->keep_reserved);
	json_number(j, "virtual_functions", d->num_vfs);
	json_bool(j, "peer_to_peer", d->p2p);
	json_end(j, '}');
}

static void json_workstation(struct json *j, const struct plan_workstation *ws)
{
	struct uuid_text uuid;

	json_object(j, NULL);
	json_string(j, "name", ws->name);
	json_string(j, "uuid", uuid_text(&uuid, ws->uuid));
	json_string(j, "serial", ws->serial);
	json_bool(j, "service", ws->rights & RIGHT_SERVICE);
	json_bool(j, "autostart", ws->autostart);
	json_array(j, "processors");
	for (u32 i = 0; i < ws->ncpus; i++)
		json_number(j, NULL, ws->cpus[i]);
	json_end(j, ']');
	json_range(j, "grant", &ws->grant);
	json_array(j, "memory");
	for (u32 i = 0; i < ws->nram; i++) {
		json_object(j, NULL);
		json_hex(j, "base", ws->ram[i].hpa.v);
		json_hex(j, "guest", ws->ram[i].gpa.v);
		json_number(j, "size", ws->ram[i].size);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_array(j, "devices");
	for (u32 i = 0; i < ws->ndevices; i++)
		json_device(j, &ws->devices[i]);
	json_end(j, ']');
	json_string(j, "kernel", ws->kernel);
	json_string(j, "initrd", ws->initrd);
	json_string(j, "command_line", ws->cmdline);
	json_end(j, '}');
}

void plan_print_json(const struct plan *p, FILE *out)
{
	struct json j = {.out = out};

	json_object(&j, NULL);
	json_range(&j, "hypervisor", &p->hv);
	json_range(&j, "bundle", &p->bundle);
	json_number(&j, "host_cpu", p->host_cpu);
	json_number(&j, "log_level", p->log_level);
	json_array(&j, "workstations");
	for (u32 w = 0; w < p->nworkstations; w++)
		json_workstation(&j, &p->workstations[w]);
	json_end(&j, ']');
	json_end(&j, '}');
}
