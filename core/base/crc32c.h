/* CRC-32C (Castagnoli, reflected polynomial 82f63b78), as in iSCSI (RFC 3720 §12.1). */
#pragma once

#include "core/base/types.h"

/* Continue `crc` (0 to begin) over n bytes. */
u32 crc32c(u32 crc, const void *data, u64 n);
