/* Which mutant lives, which were reached, and which test cases run. */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define ROOM 65536

unsigned mutant_alive = ~0u;
unsigned char *mutant_reached;

__attribute__((constructor)) static void mutant_begin(void)
{
	const char *alive = getenv("MUTANT"), *reached = getenv("MUTANT_REACHED");
	const char *test = getenv("MUTANT_TEST");

	if (alive)
		mutant_alive = (unsigned)atoi(alive);
	if (reached) {
		int fd = open(reached, O_RDWR | O_CREAT, 0644);

		if (fd < 0 || ftruncate(fd, ROOM) < 0)
			abort();
		mutant_reached = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (mutant_reached == MAP_FAILED)
			abort();
		close(fd);
	}
	if (test)
		cmocka_set_test_filter(test);
}
