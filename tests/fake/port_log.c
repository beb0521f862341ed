/* Log lines of pure code under test go to stderr when CAPROCK_TEST_LOG is set. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fmt.h"
#include "core/port.h"
#include "tests/fake/machine.h"

void (*fake_log)(enum log_level level, const char *line);

void port_log(enum log_level level, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vfmt(line, sizeof(line), format, ap);
	va_end(ap);
	if (fake_log)
		fake_log(level, line);
	if (getenv("CAPROCK_TEST_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}
