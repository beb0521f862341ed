#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>

#include "core/base/types.h"
#include "profiles/host/import/libvirt.h"
#include "profiles/host/import/xml.h"

#define CPUS_MAX 4096

struct import {
	const char *name; /* of the file */
	FILE *out, *notes;
	u32 threads; /* of a core, by the domain's topology */
	bool pinned[CPUS_MAX];
	u32 npinned, nvcpus, node;
	bool has_node, has_kernel;
};

static void left_out(const struct import *im, const xmlNode *n, const char *why)
{
	fprintf(im->notes, "%s:%ld: left out: <%s>: %s\n", im->name, xmlGetLineNo(n), n->name, why);
}

/* ---- name, processors, memory ---------------------------------------------------------------- */

static void import_name(const struct import *im, const xmlNode *root)
{
	const xmlNode *n = xml_child_of(root, "name");
	char *text = xml_text_of(n);
	char name[32] = "";
	bool changed = false;
	u32 length = 0;

	if (!text || !*text) {
		free(text);
		return;
	}
	for (char *p = text; *p && length < sizeof(name) - 1; p++, length++) {
		char c = (char)tolower((unsigned char)*p);

		if (!islower((unsigned char)c) && !isdigit((unsigned char)c))
			c = '-';
		changed |= c != *p;
		name[length] = c;
	}
	yaml_put_quoted("name", name, im->out);
	if (changed || strlen(text) > 31)
		fprintf(im->notes,
			"%s:%ld: changed: the name '%s' is written with a-z, 0-9 and - only\n",
			im->name, xmlGetLineNo(n), text);
	free(text);
}

static void pin(struct import *im, const char *set)
{
	while (*set) {
		char *end;
		unsigned long a, b;

		while (*set == ' ' || *set == ',')
			set++;
		if (!isdigit((unsigned char)*set))
			return;
		a = b = strtoul(set, &end, 10);
		if (*end == '-')
			b = strtoul(end + 1, &end, 10);
		for (; a <= b && a < CPUS_MAX; a++) {
			im->npinned += !im->pinned[a];
			im->pinned[a] = true;
		}
		set = end;
	}
}

static void import_tune(struct import *im, const xmlNode *tune)
{
	for_each_child(c, tune)
	{
		xmlChar *set;

		if (c->type != XML_ELEMENT_NODE)
			continue;
		if (!xml_is(c, "vcpupin")) {
			left_out(im, c, "there is no scheduler to tune");
			continue;
		}
		set = xmlGetProp(c, (const xmlChar *)"cpuset");
		if (set)
			pin(im, (const char *)set);
		xmlFree(set);
	}
	if (im->npinned)
		left_out(
		    im, tune,
		    "Linux's processor numbers are not APIC ids; as many whole cores are asked "
		    "for instead. Write 'processors:' with the ids caprock probe lists to choose");
}

static void import_processors(struct import *im, const xmlNode *root)
{
	char *text = xml_text_of(xml_child_of(root, "vcpu"));
	const xmlNode *topology = xml_child_of(xml_child_of(root, "cpu"), "topology");
	unsigned long v;
	u32 cpus;

	if (xml_number_of(topology, "threads", &v) && v >= 1 && v <= 8)
		im->threads = (u32)v;
	if (text && isdigit((unsigned char)*text)) {
		v = strtoul(text, NULL, 10);
		im->nvcpus = v > CPUS_MAX ? CPUS_MAX : (u32)v;
	}
	free(text);
	cpus = im->npinned ? im->npinned : im->nvcpus ? im->nvcpus : 1;
	fprintf(im->out, "cores: %u\n", (cpus + im->threads - 1) / im->threads);
	if (im->has_node)
		fprintf(im->out, "near: \"%u\"\n", im->node);
}

static void import_node(struct import *im, const xmlNode *numatune)
{
	const xmlNode *memory = xml_child_of(numatune, "memory");
	unsigned long v;

	if (xml_number_of(memory, "nodeset", &v) && v < 1024) {
		im->node = (u32)v;
		im->has_node = true;
	} else {
		left_out(im, numatune, "only one NUMA node can be named, as 'near:'");
	}
}

static void import_memory(const struct import *im, const xmlNode *root)
{
	static const struct {
		const char *unit;
		u64 bytes;
	} units[] = {{"b", 1},		{"bytes", 1},	     {"KB", 1000},
		     {"k", 1 << 10},	{"KiB", 1 << 10},    {"MB", 1000000},
		     {"M", 1 << 20},	{"MiB", 1 << 20},    {"GB", 1000000000},
		     {"G", 1ull << 30}, {"GiB", 1ull << 30}, {"TB", 1000000000000ull},
		     {"T", 1ull << 40}, {"TiB", 1ull << 40}};
	const xmlNode *n = xml_child_of(root, "memory");
	char *text = xml_text_of(n);
	xmlChar *unit = n ? xmlGetProp(n, (const xmlChar *)"unit") : NULL;
	u64 scale = 1 << 10, bytes = 0;

	for (u32 i = 0; unit && i < ARRAY_SIZE(units); i++)
		if (!strcmp((char *)unit, units[i].unit))
			scale = units[i].bytes;
	if (text && isdigit((unsigned char)*text) &&
	    !__builtin_mul_overflow((u64)strtoull(text, NULL, 10), scale, &bytes) &&
	    bytes < 1ull << 46)
		bytes = align_up(max_u64(bytes, MIB(64)), MIB(2));
	else
		bytes = 0;
	if (bytes)
		fprintf(im->out, "memory: %llu MiB\n", (unsigned long long)bytes >> 20);
	else
		fprintf(im->notes, "%s:%ld: missing: no usable <memory>; write 'memory:'\n",
			im->name, xmlGetLineNo(n ? n : root));
	xmlFree(unit);
	free(text);
}

/* ---- boot ------------------------------------------------------------------------------------ */

static void import_os(struct import *im, const xmlNode *os)
{
	static const struct {
		const char *element, *key;
	} taken[] = {{"kernel", "kernel"}, {"initrd", "initrd"}, {"cmdline", "command-line"}};

	for_each_child(c, os)
	{
		bool known = xml_is(c, "type");

		if (c->type != XML_ELEMENT_NODE)
			continue;
		for (u32 i = 0; i < ARRAY_SIZE(taken); i++) {
			char *text;

			if (!xml_is(c, taken[i].element))
				continue;
			known = true;
			text = xml_text_of(c);
			if (text && *text) {
				yaml_put_quoted(taken[i].key, text, im->out);
				im->has_kernel |= i == 0;
			}
			free(text);
		}
		if (!known)
			left_out(im, c, "firmware and boot order; a kernel is started directly");
	}
}

static void import_serial(const struct import *im, const xmlNode *sysinfo)
{
	for_each_child(part, sysinfo) for_each_child(entry, part)
	{
		xmlChar *name =
		    xml_is(entry, "entry") ? xmlGetProp(entry, (const xmlChar *)"name") : NULL;
		char *text;

		if (!name)
			continue;
		text = xml_text_of(entry);
		if (xml_is(part, "system") && !strcmp((char *)name, "serial") && text &&
		    strlen(text) < 64)
			yaml_put_quoted("serial", text, im->out);
		else if (strcmp((char *)name, "uuid"))
			left_out(im, entry, "of SMBIOS, uuid and serial are kept");
		free(text);
		xmlFree(name);
	}
}

/* ---- devices --------------------------------------------------------------------------------- */

static bool import_hostdev(const struct import *im, const xmlNode *hostdev)
{
	const xmlNode *address = xml_child_of(xml_child_of(hostdev, "source"), "address");
	xmlChar *type = xmlGetProp(hostdev, (const xmlChar *)"type");
	bool pci = type && !strcmp((char *)type, "pci");
	unsigned long segment = 0, bus, slot, function = 0;
	xmlChar *rom;

	xmlFree(type);
	if (!pci || !xml_number_of(address, "bus", &bus) ||
	    !xml_number_of(address, "slot", &slot)) {
		left_out(im, hostdev,
			 "only whole PCI functions are owned; give its USB controller");
		return false;
	}
	(void)xml_number_of(address, "domain", &segment);
	(void)xml_number_of(address, "function", &function);
	if (segment > 0xffff || bus > 0xff || slot > 31 || function > 7) {
		left_out(im, hostdev, "its address is no PCI address");
		return false;
	}
	fprintf(im->out, "- device: %04lx:%02lx:%02lx.%lx\n", segment, bus, slot, function);
	rom = xml_child_of(hostdev, "rom")
		  ? xmlGetProp(xml_child_of(hostdev, "rom"), (const xmlChar *)"file")
		  : NULL;
	if (rom && *rom)
		yaml_put_quoted("  rom", (const char *)rom, im->out);
	xmlFree(rom);
	return true;
}

static const char *why_not(const xmlNode *n)
{
	static const struct {
		const char *element, *why;
	} reasons[] = {
	    {"disk", "disks are those of an owned controller; give it an NVMe or SATA controller"},
	    {"interface", "networks are owned cards or virtual functions of them"},
	    {"graphics", "desktops are streamed by the agent inside; see 'stream:'"},
	    {"video", "displays are owned GPUs"},
	    {"input", "keyboards and mice hang on an owned USB controller"},
	    {"sound", "sound is an owned card"},
	    {"emulator", "nothing is emulated by a program"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(reasons); i++)
		if (xml_is(n, reasons[i].element))
			return reasons[i].why;
	return "the workstation's machine has none";
}

static void import_devices(const struct import *im, const xmlNode *devices)
{
	bool any = false;

	for_each_child(c, devices)
	{
		if (!xml_is(c, "hostdev"))
			continue;
		if (!any)
			fputs("devices:\n", im->out);
		any = true;
		(void)import_hostdev(im, c);
	}
	for_each_child(c, devices) if (c->type == XML_ELEMENT_NODE && !xml_is(c, "hostdev") &&
				       !xml_is(c, "serial") && !xml_is(c, "console"))
	    left_out(im, c, why_not(c));
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void import_domain(struct import *im, const xmlNode *root)
{
	static const char *const taken[] = {
	    "name",	"uuid", "memory",  "currentMemory", "vcpu",  "cputune",	    "cpu",
	    "numatune", "os",	"sysinfo", "devices",	    "title", "description", "metadata"};
	char *uuid = xml_text_of(xml_child_of(root, "uuid"));

	import_name(im, root);
	if (xml_child_of(root, "cputune"))
		import_tune(im, xml_child_of(root, "cputune"));
	if (xml_child_of(root, "numatune"))
		import_node(im, xml_child_of(root, "numatune"));
	import_processors(im, root);
	import_memory(im, root);
	if (xml_child_of(root, "os"))
		import_os(im, xml_child_of(root, "os"));
	if (!im->has_kernel)
		fprintf(
		    im->notes,
		    "%s: missing: the domain starts by firmware; write 'kernel:' (and 'initrd:', "
		    "'command-line:') as its boot loader has them\n",
		    im->name);
	if (uuid && strlen(uuid) == 36)
		yaml_put_quoted("uuid", uuid, im->out);
	free(uuid);
	if (xml_child_of(root, "sysinfo"))
		import_serial(im, xml_child_of(root, "sysinfo"));
	if (xml_child_of(root, "devices"))
		import_devices(im, xml_child_of(root, "devices"));
	for_each_child(c, root)
	{
		bool known = c->type != XML_ELEMENT_NODE;

		for (u32 i = 0; i < ARRAY_SIZE(taken); i++)
			known |= xml_is(c, taken[i]);
		if (!known)
			left_out(im, c, "a workstation has no such setting");
	}
}

static void no_words(void *ctx, const char *format, ...)
{
}

bool import_libvirt(const char *name, const void *xml, size_t size, FILE *out, FILE *notes)
{
	struct import im = {.name = name, .out = out, .notes = notes, .threads = 1};
	const xmlError *e;
	xmlNode *root;
	xmlDoc *doc;

	if (size > 1 << 24) {
		fprintf(notes, "%s: it is larger than 16 MiB, which no domain is\n", name);
		return false;
	}
	xmlSetGenericErrorFunc(NULL, no_words);
	xmlResetLastError();
	doc = xmlReadMemory(xml, (int)size, name, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	root = doc ? xmlDocGetRootElement(doc) : NULL;
	if (!doc) {
		e = xmlGetLastError();
		fprintf(notes, "%s:%d: this is not XML: %s", name, e ? e->line : 0,
			e && e->message ? e->message : "it cannot be read\n");
		return false;
	}
	if (!root || !xml_is(root, "domain")) {
		fprintf(
		    notes,
		    "%s: this is no libvirt domain: its root is <%s>, not <domain>. Write one with "
		    "'virsh dumpxml NAME'.\n",
		    name, root ? (const char *)root->name : "");
		xmlFreeDoc(doc);
		return false;
	}
	import_domain(&im, root);
	xmlFreeDoc(doc);
	return true;
}
