#include "core/base/fmt.h"
#include "profiles/diag.h"

void report(struct reporter *r, const char *rule, enum severity severity, struct place at,
	    const char *remedy, const char *format, ...)
{
	struct diagnostic d = {.rule = rule, .severity = severity, .at = at};
	va_list ap;

	va_start(ap, format);
	vfmt(d.text, sizeof(d.text), format, ap);
	va_end(ap);
	fmt(d.remedy, sizeof(d.remedy), "%s", remedy);
	if (severity == SEVERITY_ERROR)
		r->errors++;
	if (r->sink)
		r->sink(r->ctx, &d);
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = {"error", "warning", "advice"};

	return (unsigned)s < ARRAY_SIZE(names) ? names[s] : "unknown";
}
