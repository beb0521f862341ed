#include "profiles/host/docs/docs.h"

/* ---- Markdown -------------------------------------------------------------------------------- */

static void markdown_cell(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void markdown_struct(const struct schema *s, FILE *out)
{
	char limits[256];

	fprintf(out, "### %s\n\n%s%s%s%s\n\n| key | value | default | |\n|---|---|---|---|\n",
		s->name, s->help, s->shorthand ? " In a list a text alone is its `" : "",
		s->shorthand ? s->shorthand : "", s->shorthand ? "`." : "");
	for (u32 i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];

		docs_limits(f, limits, sizeof(limits));
		fprintf(out, "| `%s` | %s%s%s | ", f->key, field_type_name(f->type),
			limits[0] ? ": " : "", limits);
		if (f->required)
			fputs("**required**", out);
		else if (f->fallback && f->fallback[0])
			fprintf(out, "`%s`", f->fallback);
		fputs(" | ", out);
		markdown_cell(f->help, out);
		fputs(" |\n", out);
	}
	fputc('\n', out);
}

void docs_markdown(FILE *out)
{
	fputs(
	    "# Profiles\n\n"
	    "<!-- Written by `caprock schema --markdown` from the tables that also parse: change\n"
	    "profiles/language.c or profiles/rules, then `make docs`. -->\n\n"
	    "`caprock probe -o machine.yaml` writes the long file of facts. People write a short file for\n"
	    "each workstation and one for the site. `caprock check SITE` applies every rule and shows all\n"
	    "that is wrong in one run; `explain`, `build` and `run` go on from there.\n\n"
	    "A workstation:\n\n"
	    "```yaml\n"
	    "name: seismic-1\n"
	    "cores: 4\n"
	    "memory: 16 GiB\n"
	    "kernel: vmlinuz\n"
	    "initrd: initrd.img\n"
	    "command-line: console=ttyS0 root=/dev/nvme0n1p2\n"
	    "devices:\n"
	    "- 01:00                # the GPU, all functions of the card\n"
	    "- {device: 04:00.0, ids: 8086:1521}\n"
	    "- any-of: [{class: nvme}, {device: 05:00.0}]\n"
	    "heads:\n"
	    "- {output: DP-1, mode: 2560x1440@60}\n"
	    "```\n\n"
	    "The site:\n\n"
	    "```yaml\n"
	    "machine: machine.yaml\n"
	    "workstations: [seismic-1.yaml, reservoir-2.yaml]\n"
	    "```\n\n"
	    "Files are looked for beside the file that names them. Without `machine:` the emulator's machine\n"
	    "is meant, and devices cannot be given away. Sizes have a unit (`64 GiB`). Unknown and doubled\n"
	    "keys, wrong units and values out of range are errors; anchors, aliases and tags are not part of\n"
	    "the language. `caprock schema` prints a JSON schema for editors, `caprock help RULE` a rule.\n\n"
	    "## Keys\n\n",
	    out);
	for (u32 i = 0; schemas[i]; i++)
		markdown_struct(schemas[i], out);
	fputs(
	    "## Rules\n\n"
	    "Errors refuse the site. What the proof finds, the hypervisor would refuse too: it runs the same\n"
	    "code at boot. `tests/golden/rules` holds a site that passes and one that fails for each.\n\n"
	    "| rule | severity | points at | found by | holds | remedy |\n|---|---|---|---|---|---|\n",
	    out);
	for (u32 i = 0; i < nrules; i++)
		fprintf(out, "| `%s` | %s | %s | %s | %s | %s |\n", rules[i]->id,
			severity_name(rules[i]->severity), rule_place_name(rules[i]->place),
			rule_finder_name(rules[i]->finder), rules[i]->text, rules[i]->remedy);
}

/* ---- man(7) ---------------------------------------------------------------------------------- */

/* A line that begins with a dot or a quote would be a request; back-quotes become bold. */
static void man_text(const char *text, FILE *out)
{
	bool bold = false, start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		start = *text == '\n';
		if (*text == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", out);
		} else if (*text == '\\') {
			fputs("\\e", out);
		} else if (*text == '-') {
			fputs("\\-", out);
		} else {
			fputc(*text, out);
		}
	}
	fputc('\n', out);
}

void docs_man_profile(FILE *out)
{
	char limits[256];

	fputs(".TH CAPROCK-PROFILE 5 \"\" \"caprock\"\n.SH NAME\ncaprock-profile \\- sites and "
	      "workstations of caprock\n.SH DESCRIPTION\nA site file names a machine and its "
	      "workstations, in YAML. Files are looked for beside the file that names them.\n",
	      out);
	for (u32 i = 0; schemas[i]; i++) {
		const struct schema *s = schemas[i];

		fprintf(out, ".SH \"%s\"\n", s->name);
		man_text(s->help, out);
		for (u32 k = 0; k < s->n; k++) {
			const struct field *f = &s->fields[k];

			docs_limits(f, limits, sizeof(limits));
			fprintf(out, ".TP\n.B %s\n%s%s%s%s%s%s.\n", f->key,
				field_type_name(f->type), limits[0] ? ": " : "", limits,
				f->required ? ", required" : "",
				f->fallback && f->fallback[0] ? ", else " : "",
				f->fallback ? f->fallback : "");
			man_text(f->help, out);
		}
	}
	fputs(".SH RULES\n", out);
	for (u32 i = 0; i < nrules; i++) {
		fprintf(out, ".TP\n.B %s\n(%s) ", rules[i]->id, severity_name(rules[i]->severity));
		man_text(rules[i]->text, out);
		man_text(rules[i]->remedy, out);
	}
	fputs(".SH SEE ALSO\n.BR caprock (1)\n", out);
}
