#include "core/base/err.h"
#include "core/base/types.h"

static const char *const texts[] = {
    [-OK] = "success",
    [-ERR_INVAL] = "invalid input",
    [-ERR_RANGE] = "out of range",
    [-ERR_NOMEM] = "out of memory",
    [-ERR_EXIST] = "exists already",
    [-ERR_NOENT] = "not found",
    [-ERR_PERM] = "refused by policy",
    [-ERR_BUSY] = "busy",
    [-ERR_TIMEOUT] = "timed out",
    [-ERR_IO] = "hardware error",
    [-ERR_UNSUPPORTED] = "not supported",
    [-ERR_CORRUPT] = "corrupt",
    [-ERR_VERSION] = "unknown version",
};

const char *err_text(int err)
{
	if (err > 0 || err <= -(int)ARRAY_SIZE(texts))
		return "unknown error";
	return texts[-err];
}
