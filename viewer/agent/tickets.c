#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "viewer/agent/tickets.h"

#define FILE_MAX (64u << 10)

void ticket_put(struct tickets *t, const u8 secret[NATIVE_TOKEN], const struct ticket_right *right,
		u64 until_us)
{
	struct ticket *pick = &t->list[0];

	for (u32 i = 0; i < TICKETS_MAX; i++) /* the one that ends first gives way */
		if (t->list[i].until_us < pick->until_us)
			pick = &t->list[i];
	memcpy(pick->secret, secret, NATIVE_TOKEN);
	pick->right = *right;
	pick->until_us = until_us;
}

int ticket_new(struct tickets *t, const struct ticket_right *right, u64 until_us,
	       u8 out[NATIVE_TOKEN])
{
	if (getrandom(out, NATIVE_TOKEN, 0) != NATIVE_TOKEN)
		return ERR_IO;
	ticket_put(t, out, right, until_us);
	return 0;
}

int ticket_use(struct tickets *t, const u8 secret[NATIVE_TOKEN], u64 now,
	       struct ticket_right *right)
{
	struct ticket *hit = NULL;

	for (u32 i = 0; i < TICKETS_MAX; i++)
		if (gnutls_memcmp(t->list[i].secret, secret, NATIVE_TOKEN) == 0 &&
		    t->list[i].until_us > now)
			hit = &t->list[i];
	if (!hit)
		return ERR_PERM;
	*right = hit->right;
	explicit_bzero(hit, sizeof(*hit));
	return 0;
}

void ticket_extend(struct tickets *t, const u8 secret[NATIVE_TOKEN], u64 until_us)
{
	for (u32 i = 0; i < TICKETS_MAX; i++)
		if (t->list[i].until_us &&
		    gnutls_memcmp(t->list[i].secret, secret, NATIVE_TOKEN) == 0)
			t->list[i].until_us = until_us;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int ticket_parse(const char *hex, u8 out[NATIVE_TOKEN])
{
	if (strlen(hex) != NATIVE_TOKEN * 2)
		return ERR_INVAL;
	for (u32 i = 0; i < NATIVE_TOKEN; i++) {
		int hi = nibble(hex[2 * i]), lo = nibble(hex[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return ERR_INVAL;
		out[i] = (u8)(hi << 4 | lo);
	}
	return 0;
}

int ticket_from_file(const char *path, const char *hex, bool *view_only)
{
	u8 secret[NATIVE_TOKEN], other[NATIVE_TOKEN];
	char *text = NULL, *kept = NULL, *save = NULL;
	struct stat st;
	int e = ERR_PERM, fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || ticket_parse(hex, secret))
		goto out;
	/* Two connections must not both find the same ticket. */
	if (flock(fd, LOCK_EX) || fstat(fd, &st) || st.st_size > FILE_MAX || st.st_mode & 077)
		goto out;
	text = calloc(1, (size_t)st.st_size + 1);
	kept = calloc(1, (size_t)st.st_size + 2);
	if (!text || !kept || pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		goto out;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char t[NATIVE_TOKEN * 2 + 1], word[8] = "";
		long long until;
		int n = sscanf(l, "%64s %lld %7s", t, &until, word);

		if (n < 2 || (n == 3 && strcmp(word, "view")) || ticket_parse(t, other) ||
		    until < (long long)time(NULL))
			continue; /* spent, or no ticket: not kept */
		if (!gnutls_memcmp(other, secret, NATIVE_TOKEN)) {
			*view_only = n == 3;
			e = 0;
			continue;
		}
		strcat(kept, l);
		strcat(kept, "\n");
	}
	if (!e && (ftruncate(fd, 0) || pwrite(fd, kept, strlen(kept), 0) != (ssize_t)strlen(kept)))
		e = ERR_IO; /* a ticket that cannot be struck out is not accepted */
out:
	if (fd >= 0)
		close(fd);
	free(text);
	free(kept);
	explicit_bzero(secret, sizeof(secret));
	return e;
}
