/* VNC's old challenge and response. */
#include <nettle/des.h>
#include <string.h>

#include "viewer/agent/agent.h"

/* DES with the password's bytes, each mirrored, as key (RFC 6143 §7.2.2). */
int auth_vnc(const char *password, const u8 challenge[16], u8 response[16])
{
	struct des_ctx des;
	u8 key[8] = {0};

	for (u32 i = 0; i < 8 && password[i]; i++)
		for (u32 b = 0; b < 8; b++)
			key[i] |= (u8)(((u8)password[i] >> b & 1) << (7 - b));
	des_set_key(&des, key); /* weak keys are what the protocol asks for, too */
	des_encrypt(&des, 16, response, challenge);
	explicit_bzero(&des, sizeof(des));
	explicit_bzero(key, sizeof(key));
	return 0;
}
