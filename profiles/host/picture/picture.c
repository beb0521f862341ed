#include "profiles/host/picture/picture.h"

#define WIDTH	 960
#define MARGIN	 24
#define CORE	 30
#define GAP	 6
#define ROW	 22
#define BAR	 36
#define THINNEST 1.5 /* what is small beside a machine's memory is still seen */
#define PER_LINE ((WIDTH - 2 * MARGIN) / (CORE + GAP))

#define NOBODY	   (~0u)
#define HYPERVISOR (~1u)

struct picture {
	const struct study *s;
	FILE *out; /* NULL: only y moves on */
	u32 y;
};

/* Text of files that people wrote goes between tags. */
static void put_text(FILE *out, const char *t)
{
	for (; *t; t++) {
		unsigned char c = (unsigned char)*t;

		if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else
			fputc(c < 32 ? ' ' : c, out);
	}
}

/* Far apart on the colour circle, for as many owners as there are. */
static const char *colour(u32 owner, char text[48])
{
	if (owner == NOBODY)
		return "#e6e6e6";
	if (owner == HYPERVISOR)
		return "#505050";
	snprintf(text, 48, "hsl(%u,55%%,%u%%)", owner * 137 % 360, 62 + owner / 8 % 3 * 10);
	return text;
}

static const char *owner_name(const struct picture *p, u32 owner)
{
	if (owner == NOBODY)
		return "nobody";
	if (owner == HYPERVISOR)
		return "hypervisor";
	return p->s->plan.workstations[owner].name;
}

static void box(const struct picture *p, double x, double y, double w, double h, u32 owner,
		const char *title)
{
	char text[48];

	if (!p->out)
		return;
	fprintf(p->out,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\" fill=\"%s\" "
		"stroke=\"#333\" stroke-width=\"0.5\"><title>",
		x, y, w, h, colour(owner, text));
	put_text(p->out, title);
	fputs(": ", p->out);
	put_text(p->out, owner_name(p, owner));
	fputs("</title></rect>\n", p->out);
}

static void words(const struct picture *p, double x, double y, const char *class, const char *text)
{
	if (!p->out)
		return;
	fprintf(p->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_text(p->out, text);
	fputs("</text>\n", p->out);
}

static void heading(struct picture *p, const char *text)
{
	p->y += 30;
	words(p, MARGIN, p->y, "h", text);
	p->y += 10;
}

/* ---- cores ----------------------------------------------------------------------------------- */

static u32 cpu_owner(const struct picture *p, u32 cpu)
{
	const struct machine *m = &p->s->machine;

	if (machine_same_core(&m->cpus[cpu], &m->cpus[m->boot_cpu]))
		return HYPERVISOR;
	for (u32 w = 0; w < p->s->plan.nworkstations; w++)
		for (u32 i = 0; i < p->s->plan.workstations[w].ncpus; i++)
			if (p->s->plan.workstations[w].cpus[i] == m->cpus[cpu].apic_id)
				return w;
	return NOBODY;
}

/* One thread a line as far as there is room. */
static void label_core(const struct picture *p, u32 cpu, double x)
{
	const struct machine *m = &p->s->machine;
	const char *class = cpu_owner(p, cpu) == HYPERVISOR ? "s d" : "s";
	char text[16];
	u32 more = 0, second = cpu;

	for (u32 i = cpu + 1; i < m->ncpus; i++)
		if (machine_same_core(&m->cpus[i], &m->cpus[cpu]) && !more++)
			second = i;
	snprintf(text, sizeof(text), "%u", m->cpus[cpu].apic_id);
	words(p, x + 4, p->y + (more ? 13 : CORE / 2 + 4), class, text);
	if (!more)
		return;
	snprintf(text, sizeof(text), more > 1 ? "+%u" : "%u",
		 more > 1 ? more : m->cpus[second].apic_id);
	words(p, x + 4, p->y + 25, class, text);
}

static void caption(struct picture *p, const char *text)
{
	p->y += 18;
	words(p, MARGIN, p->y - 5, "s", text);
}

static bool first_thread(const struct machine *m, u32 cpu)
{
	for (u32 i = 0; i < cpu; i++)
		if (machine_same_core(&m->cpus[i], &m->cpus[cpu]))
			return false;
	return true;
}

static void draw_cores(struct picture *p)
{
	const struct machine *m = &p->s->machine;
	u32 node = NOBODY, at = 0;
	char text[96];

	heading(p, "Cores");
	for (u32 i = 0; i < m->ncpus; i++) {
		if (!first_thread(m, i))
			continue;
		if (m->cpus[i].node != node || at == PER_LINE) {
			if (node != NOBODY)
				p->y += CORE + GAP;
			if (m->cpus[i].node != node) {
				snprintf(text, sizeof(text), "package %u, NUMA node %u",
					 m->cpus[i].package, m->cpus[i].node);
				caption(p, text);
			}
			node = m->cpus[i].node;
			at = 0;
		}
		snprintf(text, sizeof(text), "processor %u, core %u", m->cpus[i].apic_id,
			 m->cpus[i].core);
		box(p, MARGIN + at * (CORE + GAP), p->y, CORE, CORE, cpu_owner(p, i), text);
		label_core(p, i, MARGIN + at * (CORE + GAP));
		at++;
	}
	p->y += CORE;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A node's RAM from left to right, what lies between its ranges left out. */
struct node_bar {
	const struct picture *p;
	u32 node;
	u64 total;
};

static u64 offset_in_node(const struct node_bar *b, u64 address)
{
	const struct machine *m = &b->p->s->machine;
	u64 before = 0;

	for (u32 i = 0; i < m->nmemory; i++) {
		const struct machine_memory *r = &m->memory[i];

		if (r->kind != MEMORY_RAM || r->node != b->node || r->base.v >= address)
			continue;
		before += min_u64(r->size, address - r->base.v);
	}
	return before;
}

static void piece(const struct node_bar *b, u64 base, u64 size, u32 owner, const char *what)
{
	double width, scale = (WIDTH - 2.0 * MARGIN) / (double)b->total;
	u64 from = offset_in_node(b, base), to = offset_in_node(b, base + size);
	char text[96];

	if (from == to)
		return;
	snprintf(text, sizeof(text), "%s, %llu MiB at 0x%llx", what,
		 (unsigned long long)(to - from) >> 20, (unsigned long long)base);
	width = (double)(to - from) * scale;
	box(b->p, MARGIN + (double)from * scale, b->p->y, width < THINNEST ? THINNEST : width, BAR,
	    owner, text);
}

static void draw_node(struct picture *p, u32 node)
{
	struct node_bar b = {p, node, 0};
	const struct plan *plan = &p->s->plan;
	const struct machine *m = &p->s->machine;
	char text[96];

	for (u32 i = 0; i < m->nmemory; i++)
		if (m->memory[i].kind == MEMORY_RAM && m->memory[i].node == node)
			b.total += m->memory[i].size;
	if (!b.total)
		return;
	snprintf(text, sizeof(text), "NUMA node %u, %.1f GiB", node, (double)b.total / (1 << 30));
	caption(p, text);
	for (u32 i = 0; i < m->nmemory; i++)
		if (m->memory[i].kind == MEMORY_RAM && m->memory[i].node == node)
			piece(&b, m->memory[i].base.v, m->memory[i].size, NOBODY, "free");
	for (u32 w = 0; w < plan->nworkstations; w++) {
		const struct plan_workstation *ws = &plan->workstations[w];

		piece(&b, ws->grant.base.v, ws->grant.size, w, "tables");
		for (u32 i = 0; i < ws->nram; i++)
			piece(&b, ws->ram[i].hpa.v, ws->ram[i].size, w, "memory");
	}
	piece(&b, plan->hv.base.v, plan->hv.size, HYPERVISOR, "hypervisor");
	piece(&b, plan->bundle.base.v, plan->bundle.size, HYPERVISOR, "bundle");
	p->y += BAR;
}

static void draw_memory(struct picture *p)
{
	const struct machine *m = &p->s->machine;

	heading(p, "Memory");
	for (u32 i = 0; i < m->nmemory; i++) {
		bool seen = false;

		for (u32 k = 0; k < i; k++)
			seen |= m->memory[k].node == m->memory[i].node;
		if (!seen)
			draw_node(p, m->memory[i].node);
	}
}

/* ---- devices --------------------------------------------------------------------------------- */

static u32 function_owner(const struct picture *p, u32 function)
{
	const struct resolved *r = &p->s->resolved;

	for (u32 w = 0; w < p->s->site->nworkstations; w++)
		for (u32 i = 0; i < r->wants[w].ndevices; i++)
			if (r->workstations[w].functions[i] == function)
				return r->wants[w].devices[i].sriov_vfs ? HYPERVISOR : w;
	return NOBODY;
}

static void draw_devices(struct picture *p)
{
	const struct facts *f = p->s->facts;
	char text[200];

	heading(p, "Devices");
	for (u32 i = 0; i < f->nfunctions; i++) {
		const struct facts_function *g = &f->functions[i];
		struct address_text at;
		u32 owner = function_owner(p, i);

		if (g->header_type || (g->class_code >> 16) == 6)
			continue;
		snprintf(text, sizeof(text), "%s %s%s%s", address_bdf_text(&at, g->bdf),
			 g->device_name ? g->device_name : "", g->vendor_name ? ", " : "",
			 g->vendor_name ? g->vendor_name : "");
		box(p, MARGIN, p->y, 16, ROW - 6, owner, text);
		words(p, MARGIN + 24, p->y + 12, "t", text);
		snprintf(text, sizeof(text), "group %u", g->group);
		words(p, WIDTH - 300, p->y + 12, "s", text);
		words(p, WIDTH - 220, p->y + 12, "t", owner_name(p, owner));
		p->y += ROW;
	}
}

static void draw_legend(struct picture *p)
{
	double x = MARGIN;

	p->y += 34;
	words(p, MARGIN, p->y, "h", p->s->path);
	p->y += 12;
	for (u32 w = 0; w <= p->s->plan.nworkstations + 1; w++) {
		u32 owner = w < p->s->plan.nworkstations    ? w
			    : w == p->s->plan.nworkstations ? HYPERVISOR
							    : NOBODY;

		if (x > WIDTH - 240) {
			x = MARGIN;
			p->y += ROW;
		}
		box(p, x, p->y, 16, 16, owner, "owner");
		words(p, x + 22, p->y + 12, "t", owner_name(p, owner));
		x += 228;
	}
	p->y += ROW;
}

static void draw(struct picture *p)
{
	draw_legend(p);
	draw_cores(p);
	draw_memory(p);
	if (p->s->facts)
		draw_devices(p);
}

void picture_write(const struct study *s, FILE *out)
{
	/* Drawn twice, first on nothing: how high it is shows only at its end. */
	struct picture p = {.s = s};
	u32 height;

	draw(&p);
	height = p.y + MARGIN;
	p = (struct picture){.s = s, .out = out};
	fprintf(
	    out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
	    "viewBox=\"0 0 %u %u\">\n<style>text{font-family:sans-serif;fill:#111}"
	    ".h{font-size:16px;font-weight:bold}.t{font-size:12px}.s{font-size:10px}.d{fill:#fff}</style>\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	    WIDTH, height, WIDTH, height);
	draw(&p);
	fputs("</svg>\n", out);
}
