#include "core/base/err.h"
#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/partition/plan.h"
#include "profiles/find.h"
#include "profiles/stream.h"

#define DEVICES_PER_WISH 8 /* functions a card has at most */

struct resolver {
	const struct site *site;
	const struct facts *facts;
	struct arena *arena;
	struct reporter *r;
	const struct profile *w; /* the workstation at hand */
	struct want *want;
	struct resolved_workstation *out;
	struct plan_device *devices; /* of the want, writable */
	u32 room;
};

static u32 wishes_of(const struct profile *w)
{
	return w->ndevices * DEVICES_PER_WISH;
}

u64 resolve_memory(const struct site *s, const struct facts *f)
{
	u64 bytes = 64 + s->nworkstations *
			     (sizeof(struct want) + sizeof(struct resolved_workstation) + 64);

	for (u32 i = 0; i < s->nworkstations; i++) {
		const struct profile *w = &s->workstations[i];

		bytes +=
		    wishes_of(w) * (sizeof(struct plan_device) + sizeof(void *) + sizeof(u32)) + 64;
		if (GIVEN(w, stream) || w->nheads)
			bytes += str_len(w->command_line) + STREAM_WORDS_MAX + HEADS_WORDS_MAX + 16;
		bytes += w->nheads * sizeof(struct head) + 16;
	}
	return bytes;
}

/* The card that would have a virtual function at that address, if it were asked for enough. */
static const struct facts_function *card_of_virtual(const struct facts *facts,
						    const struct pci_address *a)
{
	for (u32 i = 0; a->kind == ADDRESS_BDF && i < facts->nfunctions; i++) {
		const struct facts_function *f = &facts->functions[i];
		u32 first = bdf_rid(f->bdf) + f->sriov.first_offset, rid = bdf_rid(a->bdf);
		u32 stride = f->sriov.stride ? f->sriov.stride : 1;

		if (f->sriov.total && f->bdf.segment == a->bdf.segment && rid >= first &&
		    (rid - first) % stride == 0 && (rid - first) / stride < f->sriov.total)
			return f;
	}
	return NULL;
}

static void report_unknown(const struct resolver *v, const struct wish_device *d)
{
	const struct facts_function *card = card_of_virtual(v->facts, &d->address);
	struct wish_device elsewhere = *d;
	struct address_text at;
	struct wish_text t;
	u32 n, second, now = FACTS_UNKNOWN;
	char remedy[192];

	elsewhere.address.kind = ADDRESS_NONE;
	if (d->address.kind != ADDRESS_NONE && (d->ids.given || d->serial))
		now = find_function(v->facts, &elsewhere, &n, &second);
	if (now != FACTS_UNKNOWN)
		fmt(remedy, sizeof(remedy), "It may have moved: %04x:%04x is at %s now",
		    v->facts->functions[now].vendor, v->facts->functions[now].device,
		    address_bdf_text(&at, v->facts->functions[now].bdf));
	else if (card)
		fmt(remedy, sizeof(remedy),
		    "If a virtual function of %s is meant: switch it on in Linux, then probe again",
		    address_bdf_text(&at, card->bdf));
	else
		fmt(remedy, sizeof(remedy),
		    "Choose among the functions that caprock probe lists, or probe again");
	report(v->r, "device-unknown", SEVERITY_ERROR, d->p.at, remedy,
	       "%s wants %s, which this machine does not have", v->w->name, wish_text(&t, d));
}

static void report_ambiguous(const struct resolver *v, const struct wish_device *d, u32 n,
			     u32 first, u32 second)
{
	struct address_text a, b;
	struct wish_text t;

	report(v->r, "identity-ambiguous", SEVERITY_ERROR, d->p.at,
	       "Add 'device:' with the address of the one that is meant, or its 'serial:'",
	       "%s wants %s, and %u of the machine's functions are that: %s, %s%s", v->w->name,
	       wish_text(&t, d), n, address_bdf_text(&a, v->facts->functions[first].bdf),
	       address_bdf_text(&b, v->facts->functions[second].bdf), n > 2 ? " and others" : "");
}

static void report_identity(const struct resolver *v, const struct wish_device *d,
			    const struct facts_function *f)
{
	struct address_text at;
	struct wish_text t;

	report(v->r, "device-identity", SEVERITY_ERROR, d->p.at,
	       "Put the card back into its slot, or name the one that is there",
	       "%s wants %s, but %04x:%04x (%04x:%04x, class %06x, serial %016lx) is at %s",
	       v->w->name, wish_text(&t, d), f->vendor, f->device, f->subvendor, f->subdevice,
	       f->class_code, f->serial, address_bdf_text(&at, f->bdf));
}

/* ---- one wish -------------------------------------------------------------------------------- */

static bool p2p(struct resolver *v, const struct wish_device *d)
{
	if (str_equal(d->peer_to_peer, "own") || str_equal(d->peer_to_peer, v->w->name))
		return true;
	if (!str_equal(d->peer_to_peer, "no"))
		report(v->r, "p2p-across-owners", SEVERITY_ERROR, PLACE_OF(d, peer_to_peer),
		       "Write 'own' or 'no', or give both devices to one workstation",
		       "a device of %s is to reach devices of %s directly, past what keeps the "
		       "two apart",
		       v->w->name, d->peer_to_peer);
	return false;
}

/* `options`: whose ROM, slot and so on count; the alternatives' own parent. */
static void add(struct resolver *v, const struct wish_device *options, u32 function, bool first)
{
	const struct facts_function *f = &v->facts->functions[function];
	u32 n = v->want->ndevices;

	if (n == v->room)
		return;
	v->devices[n] = (struct plan_device){
	    .path = f->path,
	    .vendor = f->vendor,
	    .device = f->device,
	    .subvendor = f->subvendor,
	    .subdevice = f->subdevice,
	    .serial = f->serial,
	    .rom = first ? options->rom : NULL,
	    .guest_devfn = (u8)(options->slot == SLOT_ANY ? SLOT_ANY
				: first			  ? options->slot
					: (options->slot & 0xf8) | (f->bdf.devfn & 7)),
	    .keep_reserved = options->keep_reserved,
	    .sriov_vfs = options->virtual_functions != 0,
	    .num_vfs = (u16)options->virtual_functions,
	    .p2p = p2p(v, options),
	};
	v->out->wishes[n] = options;
	v->out->functions[n] = function;
	v->want->ndevices++;
	if (class_matches(CLASS_DISPLAY, f->class_code))
		v->out->gpu = true;
	for (u32 i = 0; i < f->nbars; i++)
		if (!f->bars[i].io && !f->bars[i].is64)
			v->want->window32 += f->bars[i].size;
}

/* True: it was found, or its fault was reported. */
static bool take(struct resolver *v, const struct wish_device *options, const struct wish_device *d)
{
	u32 n, second = 0, at = find_function(v->facts, d, &n, &second);
	const struct facts_function *f;

	if (at == FACTS_UNKNOWN)
		return false;
	if (n > 1) {
		report_ambiguous(v, d, n, at, second);
		return true;
	}
	f = &v->facts->functions[at];
	if (d->address.kind != ADDRESS_NONE && !find_kind_matches(d, f)) {
		report_identity(v, d, f);
		return true;
	}
	if (!find_wants_all(d)) {
		add(v, options, at, true);
		return true;
	}
	for (u32 i = 0; i < v->facts->nfunctions; i++)
		if (find_same_card(&v->facts->functions[i], f) &&
		    v->facts->functions[i].is_vf == f->is_vf)
			add(v, options, i, i == at);
	return true;
}

static void resolve_wish(struct resolver *v, const struct wish_device *d)
{
	bool named =
	    d->address.kind != ADDRESS_NONE || d->ids.given || d->class != CLASS_ANY || d->serial;

	if (!named && d->p.faulty)
		return;
	if (named == (d->nany_of != 0)) {
		report(v->r, "bad-value", SEVERITY_ERROR, d->p.at,
		       "Say which by 'device', 'ids', 'class' or 'serial', or by 'any-of'",
		       "a device of %s is named %s", v->w->name,
		       named ? "itself and by alternatives" : "by nothing");
		return;
	}
	if (named) {
		if (!take(v, d, d))
			report_unknown(v, d);
		return;
	}
	for (u32 i = 0; i < d->nany_of; i++)
		if (d->any_of[i].nany_of) {
			report(v->r, "bad-value", SEVERITY_ERROR, d->any_of[i].p.at,
			       "Write all of them into one list",
			       "alternatives for %s stand within alternatives", v->w->name);
			return;
		}
	for (u32 i = 0; i < d->nany_of; i++)
		if (find_fits(v->facts, &d->any_of[i])) {
			(void)take(v, d, &d->any_of[i]);
			return;
		}
	report(v->r, "device-unknown", SEVERITY_ERROR, d->p.at,
	       "Add what caprock probe lists to the alternatives",
	       "%s wants one of %u alternatives, and this machine has none of them", v->w->name,
	       d->nany_of);
}

/* ---- one workstation ------------------------------------------------------------------------- */

static bool number(const char *s, u32 *v)
{
	*v = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || *v > 99999)
			return false;
		*v = *v * 10 + (u32)(*s - '0');
	}
	return true;
}

/* The node of the first display device, else of the first device that has one. */
static u32 node_of_gpu(const struct resolver *v)
{
	u32 node = PLANNER_ANY_NODE;

	for (u32 i = 0; i < v->want->ndevices; i++) {
		const struct facts_function *f = &v->facts->functions[v->out->functions[i]];

		if (f->node == FACTS_UNKNOWN)
			continue;
		if (class_matches(CLASS_DISPLAY, f->class_code))
			return f->node;
		if (node == PLANNER_ANY_NODE)
			node = f->node;
	}
	return node;
}

static u32 resolve_node(const struct resolver *v)
{
	const struct profile *w = v->w;
	u32 node;

	if (str_equal(w->near, "any"))
		return PLANNER_ANY_NODE;
	if (str_equal(w->near, "gpu"))
		return node_of_gpu(v);
	if (!number(w->near, &node)) {
		report(v->r, "bad-value", SEVERITY_ERROR, PLACE_OF(w, near),
		       "Write 'gpu', 'any' or the number of a NUMA node",
		       "'%s' is no place to be near to", w->near);
		return PLANNER_ANY_NODE;
	}
	for (u32 i = 0; v->facts && i < v->facts->processors.ncpus; i++)
		if (v->facts->processors.cpus[i].node == node)
			return node;
	if (!v->facts && !node)
		return PLANNER_ANY_NODE;
	report(v->r, "unknown-node", SEVERITY_ERROR, PLACE_OF(w, near),
	       "Choose among the nodes that caprock probe lists, or write 'gpu' or 'any'",
	       "%s is to be near NUMA node %u, which has no processors on this machine", w->name,
	       node);
	return PLANNER_ANY_NODE;
}

/*
 * What the streaming agent and the displays' drivers are told, then what people wrote: so theirs wins, and a "--"
 * in it, behind which all is init's, cuts nothing off. NULL: the arena is too small.
 */
static const char *command_line(struct resolver *v)
{
	char stream[STREAM_WORDS_MAX], heads[HEADS_WORDS_MAX], *line;
	size_t own = str_len(v->w->command_line), nstream = stream_words(v->w, stream),
	       nheads = heads_words(v->out->heads, (u32)min_u64(v->w->nheads, HEADS_MAX), heads);

	if (!nstream && !nheads)
		return v->w->command_line;
	if (nstream + nheads + own > PLAN_CMDLINE_MAX) {
		report(v->r, "out-of-range", SEVERITY_ERROR, PLACE_OF(v->w, command_line),
		       "Shorten it, or ask for fewer heads",
		       "the command line of %s has %u bytes with the words for its stream and its "
		       "heads, where %u is the most",
		       v->w->name, (u32)(nstream + nheads + own), PLAN_CMDLINE_MAX);
		return v->w->command_line;
	}
	line = arena_take(v->arena, nstream + nheads + own + 1, 1);
	if (!line)
		return NULL;
	memcpy(line, stream, nstream);
	memcpy(line + nstream, heads, nheads);
	memcpy(line + nstream + nheads, v->w->command_line, own + 1);
	return line;
}

static int resolve_workstation(struct resolver *v)
{
	const struct profile *w = v->w;

	*v->want = (struct want){
	    .name = w->name,
	    .serial = w->serial,
	    .rights = w->role == ROLE_SERVICE ? RIGHT_SERVICE : 0,
	    .cores = w->cores,
	    .ncpus = w->processors.n,
	    .cpus = w->processors.v,
	    .node = PLANNER_ANY_NODE,
	    .memory = w->memory,
	    .boot = (enum plan_boot_kind)w->boot,
	    .kernel = w->kernel,
	    .initrd = w->initrd,
	    .autostart = w->autostart,
	};
	for (u32 i = 0; i < sizeof(w->uuid); i++)
		v->want->uuid[i] = w->uuid[i];
	v->room = wishes_of(w);
	v->devices = arena_take(v->arena, v->room, sizeof(*v->devices));
	v->out->wishes = arena_take(v->arena, v->room, sizeof(*v->out->wishes));
	v->out->functions = arena_take(v->arena, v->room, sizeof(*v->out->functions));
	v->out->heads = arena_take(v->arena, w->nheads, sizeof(*v->out->heads));
	if (!v->devices || !v->out->wishes || !v->out->functions || !v->out->heads)
		return ERR_NOMEM;
	v->want->devices = v->devices;
	if (w->ndevices && !v->facts) {
		report(v->r, "no-machine-file", SEVERITY_ERROR, PLACE_OF(w, devices),
		       "Write the machine's facts with 'caprock probe' and name the file as "
		       "'machine:' in the site",
		       "%s wants devices, but the site names no machine that has some", w->name);
	} else {
		for (u32 i = 0; i < w->ndevices; i++)
			resolve_wish(v, &w->devices[i]);
		v->want->node = resolve_node(v);
	}
	heads_find(w, v->facts, v->out->functions, v->want->ndevices, v->r, v->out->heads);
	v->want->cmdline = command_line(v);
	return v->want->cmdline ? OK : ERR_NOMEM;
}

int resolve(const struct site *s, const struct facts *f, struct arena *arena, struct reporter *r,
	    struct resolved *out)
{
	struct resolver v = {.site = s, .facts = f, .arena = arena, .r = r};

	out->wants = arena_take(arena, s->nworkstations, sizeof(*out->wants));
	out->workstations = arena_take(arena, s->nworkstations, sizeof(*out->workstations));
	if (!out->wants || !out->workstations)
		return ERR_NOMEM;
	for (u32 i = 0; i < s->nworkstations; i++) {
		int err;

		v.w = &s->workstations[i];
		v.want = &out->wants[i];
		v.out = &out->workstations[i];
		err = resolve_workstation(&v);
		if (err)
			return err;
	}
	return OK;
}
