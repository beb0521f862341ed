/*
 * core/vcpu/insn: lengths, against binutils' disassembler over compiled code and over random bytes
 * in the three modes, and against hand-made vectors for what it leaves open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/vcpu/insn.h"

#define COMPILED 400000 /* instructions looked at */
#define RANDOM	 (256 * 1024)

/* One line of `objdump -w`: "  address:\tbytes\ttext". Returns the number of bytes, 0: no insn. */
static size_t parse_line(const char *line, u8 *bytes, const char **text)
{
	const char *tab = strchr(line, '\t'), *end;
	size_t n = 0;

	if (!tab || tab == line || tab[-1] != ':')
		return 0;
	end = strchr(tab + 1, '\t');
	if (!end)
		return 0;
	for (const char *p = tab + 1; p < end && n < 32;) {
		char *next;

		if (*p == ' ') {
			p++;
			continue;
		}
		bytes[n++] = (u8)strtoul(p, &next, 16);
		p = next;
	}
	*text = end + 1;
	return n;
}

/*
 * Encodings that APX took out of the undefined ones (Intel APX specification, 3.1.2): REX2, and EVEX
 * with map 4, B4 or X4.
 */
static bool apx(const u8 *b, size_t n)
{
	if (n && b[0] == 0xd5)
		return true;
	return n > 2 && b[0] == 0x62 && ((b[1] & 7) == 4 || b[1] & 8 || !(b[2] & 4));
}

/*
 * Where binutils shows something else than the processor executes: FWAIT and its successor as one,
 * a REX that is void because a prefix follows as a line of its own, the 486's test registers, UD0
 * and near branches with 66h (not the same everywhere), vector instructions with prefixes that make them undefined,
 * APX, which no guest is offered.
 */
static bool quirk(const u8 *b, size_t n, const char *text, enum insn_mode mode, int result, u8 len)
{
	static const char *const words[] = {"(bad)", "%tr", "ud0", ".byte", "{bad}"};
	size_t at = 0;

	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		if (strstr(text, words[w]))
			return true;
	while (at < n && memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", b[at], 11))
		at++;
	if (result != OK && mode == INSN_64 && apx(b + at, n - at))
		return true;
	if (result == OK)
		return at < n && b[at] == 0x9b && len == at + 1;
	if (result == ERR_RANGE) {
		size_t last = strlen(text);

		while (last && (text[last - 1] == '\n' || text[last - 1] == ' '))
			last--;
		while (last && strchr("WRXB.", text[last - 1]))
			last--;
		if (last >= 3 && !strncmp(text + last - 3, "rex", 3))
			return true;
		return at == n; /* prefixes alone, or the end of the file */
	}
	if (result == ERR_UNSUPPORTED && memchr(b, 0x66, at)) {
		at += at < n && (b[at] & 0xf0) == 0x40;
		return at + 1 < n && (b[at] == 0xe8 || b[at] == 0xe9 ||
				      (b[at] == 0x0f && (b[at + 1] & 0xf0) == 0x80));
	}
	if (result == ERR_INVAL) {
		bool prefixed = memchr(b, 0x66, at) || memchr(b, 0xf2, at) || memchr(b, 0xf3, at) ||
				memchr(b, 0xf0, at);

		if (at < n && (b[at] & 0xf0) == 0x40) {
			prefixed = true;
			at++;
		}
		return prefixed && at < n && memchr("\xc4\xc5\x62\x8f", b[at], 4);
	}
	return false;
}

/* Compare every line of a disassembly; returns how many instructions had the right length. */
static unsigned long compare(const char *command, enum insn_mode mode, unsigned long limit,
			     unsigned long *quirks)
{
	FILE *f = popen(command, "r");
	char *line = NULL;
	size_t cap = 0;
	unsigned long good = 0;

	assert_non_null(f);
	*quirks = 0;
	while (good < limit && getline(&line, &cap, f) > 0) {
		u8 bytes[32];
		const char *text = NULL;
		size_t n = parse_line(line, bytes, &text);
		struct insn i;

		if (!n)
			continue;

		/* An exact heap copy, so that the sanitizer sees a read beyond. */
		u8 *exact = malloc(n);

		memcpy(exact, bytes, n);

		int result = insn_decode(exact, n, mode, &i);

		free(exact);
		if (result == OK && i.len == n) {
			good++;
		} else if (quirk(bytes, n, text, mode, result, i.len)) {
			++*quirks;
		} else {
			print_message("result %d, length %u, but %s", result, i.len, line);
			fail();
		}
	}
	free(line);
	pclose(f);
	return good;
}

static void compiled_code_has_the_disassembler_s_lengths(void **state)
{
	unsigned long quirks;
	unsigned long good = compare("exec objdump -d -w \"$(gcc -print-prog-name=cc1)\"", INSN_64,
				     COMPILED, &quirks);

	assert_int_equal(good, COMPILED);
	assert_int_equal(quirks, 0);
}

static void random_bytes(enum insn_mode mode, const char *arch)
{
	char path[] = "/tmp/caprock-insn-XXXXXX", command[160];
	unsigned long quirks, good;
	int fd = mkstemp(path);
	u64 x = 0x9e3779b97f4a7c15ull;
	static u8 data[RANDOM];

	assert_true(fd >= 0);
	for (size_t i = 0; i < RANDOM; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (u8)(x >> 24);
	}
	assert_int_equal(write(fd, data, RANDOM), RANDOM);
	close(fd);
	snprintf(command, sizeof(command), "exec objdump -D -w -z -b binary -m %s %s", arch, path);
	good = compare(command, mode, ~0ul, &quirks);
	unlink(path);
	print_message("# %s: %lu the same, %lu left open\n", arch, good, quirks);
	assert_true(good > RANDOM / 4);
	assert_true(quirks < good / 4);
}

static void random_bytes_64(void **state)
{
	random_bytes(INSN_64, "i386:x86-64");
}

static void random_bytes_32(void **state)
{
	random_bytes(INSN_32, "i386");
}

static void random_bytes_16(void **state)
{
	random_bytes(INSN_16, "i8086");
}

static void vectors(void **state)
{
	static const struct {
		const char *bytes;
		u8 n, mode;
		int result; /* length, or error */
	} v[] = {
#define V(s, m, r) {s, sizeof(s) - 1, m, r}
	    V("\x0f\xa2", INSN_64, 2),				     /* cpuid */
	    V("\x0f\x01\xd8", INSN_64, 3),			     /* vmrun */
	    V("\x9b\xd9\x3c\x24", INSN_64, 1),			     /* fwait, then fnstcw */
	    V("\x48\x66\x89\x03", INSN_64, 4),			     /* void REX */
	    V("\x48\xb8\1\2\3\4\5\6\7\x08", INSN_64, 10),	     /* movabs */
	    V("\xa1\1\2\3\4\5\6\7\x08", INSN_64, 9),		     /* moffs64 */
	    V("\x67\xa1\1\2\3\4", INSN_64, 6),			     /* moffs32 */
	    V("\xf7\x05\1\2\3\4\5\6\7\x08", INSN_64, 10),	     /* test [rip], imm32 */
	    V("\x66\xf7\x00\1\2", INSN_64, 5),			     /* test imm16 */
	    V("\xf7\x10", INSN_64, 2),				     /* not: no immediate */
	    V("\x0f\x22\x04", INSN_64, 3),			     /* mov cr0: mod ignored */
	    V("\xc8\1\2\3", INSN_64, 4),			     /* enter */
	    V("\x66\xe8\1\2\3\4", INSN_64, ERR_UNSUPPORTED),	     /* AMD 4, Intel 6 */
	    V("\x66\x48\xe8\1\2\3\4", INSN_64, 7),		     /* REX.W wins */
	    V("\x66\xe8\1\2", INSN_32, 4),			     /* no question there */
	    V("\x0f\xff\x00", INSN_64, ERR_UNSUPPORTED),	     /* UD0 */
	    V("\xd5\x00\x01\x02", INSN_64, ERR_INVAL),		     /* REX2 */
	    V("\xd5\x0a", INSN_32, 2),				     /* aad */
	    V("\x06", INSN_64, ERR_INVAL),			     /* push es */
	    V("\x06", INSN_32, 1),				     /* push es */
	    V("\xc5\xf8\x77", INSN_64, 3),			     /* vzeroupper */
	    V("\xc4\xe3\x7d\x39\xc1\x01", INSN_64, 6),		     /* vextracti128 */
	    V("\x66\xc5\xf8\x77", INSN_64, ERR_INVAL),		     /* 66h before VEX */
	    V("\xc5\x00", INSN_32, 2),				     /* lds */
	    V("\xc5\xf8\x77", INSN_32, 3),			     /* vzeroupper */
	    V("\x62\xf1\x7c\x48\x10\x00", INSN_64, 6),		     /* vmovups zmm */
	    V("\x62\xf4\x7c\x48\x10\x00", INSN_64, ERR_UNSUPPORTED), /* map 4 */
	    V("\x8f\xe8\x78\xa2\xc0\x10", INSN_64, 6),		     /* XOP vpcmov */
	    V("\x8f\xea\x78\x10\xc0\1\2\3\x04", INSN_64, 9),	     /* XOP bextr imm32 */
	    V("\x8f\x00", INSN_64, 2),				     /* pop [rax] */
	    V("\x66\x0f\x78\xc0\1\2", INSN_64, 6),		     /* extrq */
	    V("\xea\1\2\3\4\5\6", INSN_32, 7),			     /* jmp far */
	    V("\xea\1\2\3\4", INSN_16, 5),			     /* jmp far */
	    V("\x8b\x06\1\2", INSN_16, 4),			     /* mov ax, [disp16] */
	    V("\x67\x8b\x05\1\2\3\4", INSN_16, 7),		     /* mov ax, [disp32] */
	    V("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x03", INSN_64, 15),
	    V("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x03", INSN_64,
	      ERR_RANGE),
#undef V
	};

	for (size_t k = 0; k < ARRAY_SIZE(v); k++) {
		struct insn i;
		int r = insn_decode((const u8 *)v[k].bytes, v[k].n, v[k].mode, &i);

		if ((r == OK ? i.len : r) != v[k].result) {
			print_message("vector %zu: %d, length %u\n", k, r, i.len);
			fail();
		}
	}
}

/* Whatever is cut off, the answer is ERR_RANGE or an error that more bytes would not mend. */
static void a_cut_instruction_is_never_accepted(void **state)
{
	static const char *const whole[] = {
	    "\x48\xb8\1\2\3\4\5\6\7\x08", "\xf7\x05\1\2\3\4\5\6\7\x08",
	    "\xc4\xe3\x7d\x39\x44\x24\x7f\x01", "\x62\xf1\x7c\x48\x10\x84\x24\1\2\3\x04",
	    "\x65\xf0\x0f\xba\x6c\x24\x08\x07"};
	struct insn i;

	for (size_t w = 0; w < ARRAY_SIZE(whole); w++) {
		size_t n = strlen(whole[w]);

		assert_int_equal(insn_decode((const u8 *)whole[w], n, INSN_64, &i), OK);
		assert_int_equal(i.len, n);
		for (size_t cut = 0; cut < n; cut++) {
			u8 *exact = malloc(cut ? cut : 1);

			memcpy(exact, whole[w], cut);
			assert_int_equal(insn_decode(exact, cut, INSN_64, &i), ERR_RANGE);
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(a_cut_instruction_is_never_accepted),
	    cmocka_unit_test(compiled_code_has_the_disassembler_s_lengths),
	    cmocka_unit_test(random_bytes_64),
	    cmocka_unit_test(random_bytes_32),
	    cmocka_unit_test(random_bytes_16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
