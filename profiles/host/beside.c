#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/types.h"
#include "profiles/host/beside.h"

const char *beside_tool(struct chunks *mem, const char *verb, const char *name)
{
	static const char *const places[] = {"", "../lib/caprock/"};
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	for (u32 i = 0; slash && i < ARRAY_SIZE(places); i++) {
		const char *path =
		    chunks_print(mem, "%.*s%s%s", (int)(slash + 1 - self), self, places[i], name);

		if (!access(path, R_OK))
			return path;
	}
	fprintf(stderr,
		"caprock %s: there is no %s beside the tool; build it with 'make all', or name the "
		"file\n",
		verb, name);
	return NULL;
}
