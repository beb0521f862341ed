#include "core/base/fmt.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "profiles/heads.h"
#include "profiles/resolve.h"

struct finder {
	const struct profile *w;
	const struct facts *facts;
	const u32 *functions;
	u32 nfunctions;
	struct reporter *r;
	bool known; /* some output is */
};

static void untold(const struct finder *v, struct place at, const char *remedy, const char *why)
{
	report(v->r, "head-untold", SEVERITY_ERROR, at, remedy,
	       "the kernel of %s cannot be told of its head: %s", v->w->name, why);
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* Of the nth of its devices, where that is a GPU whose outputs are known. */
static const struct facts_gpu *gpu_at(const struct finder *v, u32 nth)
{
	const struct bdf at = v->facts->functions[v->functions[nth]].bdf;

	for (u32 i = 0; i < v->facts->ngpus; i++) {
		const struct facts_gpu *g = &v->facts->gpus[i];

		if (g->noutputs && bdf_rid(g->bdf) == bdf_rid(at) && g->bdf.segment == at.segment)
			return g;
	}
	return NULL;
}

static bool same_type(const char *a, u32 type, const char *b)
{
	u32 number;

	return head_connector_type(b, &number) == type && !memcmp(a, b, type);
}

/* How many outputs of the type a GPU has with a number below `below`. */
static u32 count_type(const struct facts_gpu *g, const char *name, u32 type, u32 below)
{
	u32 n = 0, number;

	for (u32 i = 0; i < g->noutputs; i++)
		if (same_type(name, type, g->outputs[i].name)) {
			(void)head_connector_type(g->outputs[i].name, &number);
			n += number < below;
		}
	return n;
}

/*
 * The name of output `o` of its nth device in the workstation. Two drivers come up in an order that
 * nobody knows: then the number is anybody's guess, and false is returned.
 */
static bool guest_name(const struct finder *v, u32 nth, const char *o, char out[HEAD_CONNECTOR_MAX])
{
	const struct facts_gpu *own = gpu_at(v, nth);
	u32 number, type = head_connector_type(o, &number), before = 0;

	for (u32 i = 0; i < v->nfunctions; i++) {
		const struct facts_gpu *g = gpu_at(v, i);
		u32 n = g && i != nth ? count_type(g, o, type, ~0u) : 0;

		if (n && !str_same(g->driver, own->driver))
			return false;
		before += i < nth ? n : 0;
	}
	fmt(out, HEAD_CONNECTOR_MAX, "%.*s-%u", (int)type, o,
	    before + count_type(own, o, type, number) + 1);
	return true;
}

static bool named_by_a_head(const struct profile *w, const char *output)
{
	for (u32 i = 0; i < w->nheads; i++)
		if (w->heads[i].output && str_equal(w->heads[i].output, output))
			return true;
	return false;
}

/* The output that a head means: by its name, or the `skip`th that no head names. */
static const char *find_output(const struct finder *v, const char *name, u32 skip, u32 *nth)
{
	for (*nth = 0; *nth < v->nfunctions; ++*nth) {
		const struct facts_gpu *g = gpu_at(v, *nth);

		for (u32 k = 0; g && k < g->noutputs; k++) {
			const char *o = g->outputs[k].name;

			if (name ? str_equal(o, name) : !named_by_a_head(v->w, o) && !skip--)
				return o;
		}
	}
	return NULL;
}

/* ---- one head -------------------------------------------------------------------------------- */

static void find_head(const struct finder *v, const struct profile_head *h, u32 skip,
		      struct head *out)
{
	const char *o = h->output;
	u32 nth, number;

	if (v->known)
		o = find_output(v, h->output, skip, &nth);
	if (!v->known && !o)
		untold(v, h->p.at,
		       "Name its output as the workstation's own kernel does, as 'output: DP-1'",
		       "no outputs of its GPUs are known, and it names none");
	if (!o)
		return; /* other rules say that there is no such output */
	if (!head_connector_type(o, &number)) {
		untold(v, PLACE_OF(h, output),
		       "Name a connector as Linux does: a type and a number, as 'DP-1' or "
		       "'HDMI-A-1'",
		       "what it names is no connector");
		return;
	}
	if (!v->known)
		fmt(out->connector, sizeof(out->connector), "%s", o);
	else if (!guest_name(v, nth, o, out->connector))
		untold(v, h->p.at,
		       "Give it GPUs of one driver, or leave mode and EDID to the workstation",
		       "two drivers share that type of output, and which of them counts first "
		       "depends on the start");
}

/* Is there a word `name`VALUE, for the kernel, in what people wrote? */
static bool has_word(const char *line, const char *name)
{
	size_t n = str_len(name), all = str_len(line);

	for (size_t i = 0; i + n <= all; i++)
		if ((!i || line[i - 1] == ' ' || line[i - 1] == '"') && !memcmp(line + i, name, n))
			return true;
	return false;
}

static void check_words(const struct finder *v, const struct profile_head *h)
{
	static const char *const ours[] = {
	    "drm.edid_firmware=", "firmware_class.path=", "drm_kms_helper.edid_firmware="};
	char why[96];

	for (u32 i = 0; i < ARRAY_SIZE(ours); i++)
		if (has_word(v->w->command_line, ours[i])) {
			fmt(why, sizeof(why), "its command line has a '%s' of its own, which wins",
			    ours[i]);
			untold(v, PLACE_OF(h, edid),
			       "Take the word out of 'command-line', or the EDID out of the head",
			       why);
		}
}

void heads_find(const struct profile *w, const struct facts *f, const u32 *functions,
		u32 nfunctions, struct reporter *r, struct head out[HEADS_MAX])
{
	struct finder v = {
	    .w = w, .facts = f, .functions = functions, .nfunctions = f ? nfunctions : 0, .r = r};
	u32 unnamed = 0;

	for (u32 i = 0; i < v.nfunctions; i++)
		v.known |= gpu_at(&v, i) != NULL;
	for (u32 i = 0; i < w->nheads && i < HEADS_MAX; i++) {
		const struct profile_head *h = &w->heads[i];

		out[i] = (struct head){.width = h->mode.width,
				       .height = h->mode.height,
				       .hz = h->mode.hz,
				       .edid = h->edid != NULL};
		if (head_asks(h))
			find_head(&v, h, unnamed, &out[i]);
		unnamed += !h->output;
		if (out[i].edid && out[i].connector[0])
			check_words(&v, h);
	}
}
