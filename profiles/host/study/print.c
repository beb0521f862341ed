#include "profiles/host/json.h"
#include "profiles/host/study/study.h"

static void print_one(const struct diagnostic *d, FILE *out)
{
	if (d->at.file)
		fprintf(out, "%s:", d->at.file);
	if (d->at.line)
		fprintf(out, "%u:%u:", d->at.line, d->at.column);
	fprintf(out, "%s%s: %s (%s)\n    %s.\n", d->at.file ? " " : "", severity_name(d->severity),
		d->text, d->rule, d->remedy);
}

void study_print(const struct study *s, FILE *out)
{
	u32 n[3] = {0};

	for (u32 i = 0; i < s->nfound; i++) {
		print_one(&s->found[i], out);
		n[s->found[i].severity]++;
	}
	if (n[0] || n[1] || n[2])
		fprintf(out, "%s: %u error%s, %u warning%s, %u piece%s of advice\n", s->path, n[0],
			n[0] == 1 ? "" : "s", n[1], n[1] == 1 ? "" : "s", n[2],
			n[2] == 1 ? "" : "s");
}

void study_print_json(const struct study *s, FILE *out)
{
	struct json j = {.out = out};

	json_array(&j, NULL);
	for (u32 i = 0; i < s->nfound; i++) {
		const struct diagnostic *d = &s->found[i];

		json_object(&j, NULL);
		json_string(&j, "rule", d->rule);
		json_string(&j, "severity", severity_name(d->severity));
		json_string(&j, "file", d->at.file);
		json_number(&j, "line", d->at.line);
		json_number(&j, "column", d->at.column);
		json_string(&j, "text", d->text);
		json_string(&j, "remedy", d->remedy);
		json_end(&j, '}');
	}
	json_end(&j, ']');
}
