/*
 * caprock-demo-attack: what a hostile owner of a device would try. Drives this workstation's `edu`
 * device (a DMA engine that does as told) from user space: first its own memory, as the control, then
 * what is not its own. One line an attempt; the hypervisor's log has the faults.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

/* Registers of the device (QEMU, docs/specs/edu.rst). */
#define DMA_SOURCE	0x80
#define DMA_DESTINATION 0x88
#define DMA_COUNT	0x90
#define DMA_COMMAND	0x98
#define DMA_START	1u
#define DMA_TO_MEMORY	2u
#define DMA_BUFFER	0x40000u

static volatile uint8_t *regs;

static _Noreturn void fail(const char *what)
{
	printf("attack: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(2);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static bool is_edu(const char *folder)
{
	uint8_t ids[4] = {0};
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/config", folder);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, ids, sizeof(ids)) != sizeof(ids))
		ids[0] = 0;
	close(fd);
	return !memcmp(ids, "\x34\x12\xe8\x11", 4);
}

static void open_device(void)
{
	static const char devices[] = "/sys/bus/pci/devices";
	char folder[400], path[512];
	struct dirent *e;
	DIR *d = opendir(devices);
	uint16_t command = 0x6; /* memory, bus master */
	int fd;

	if (!d)
		fail(devices);
	for (;;) {
		e = readdir(d);
		if (!e) {
			errno = ENODEV;
			fail("no edu device in this workstation");
		}
		snprintf(folder, sizeof(folder), "%s/%.200s", devices, e->d_name);
		if (is_edu(folder))
			break;
	}
	printf("attack: by %s\n", e->d_name);
	write_file(folder, "enable", "1");
	snprintf(path, sizeof(path), "%s/config", folder);
	fd = open(path, O_RDWR);
	if (fd < 0 || pwrite(fd, &command, 2, 4) != 2)
		fail(path);
	close(fd);
	snprintf(path, sizeof(path), "%s/resource0", folder);
	fd = open(path, O_RDWR | O_SYNC);
	regs = fd < 0 ? MAP_FAILED : mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (regs == MAP_FAILED)
		fail(path);
	closedir(d);
}

static void put(uint32_t off, uint64_t v)
{
	*(volatile uint64_t *)(regs + off) = v;
}

static void transfer(uint64_t address, bool to_memory)
{
	put(DMA_SOURCE, to_memory ? DMA_BUFFER : address);
	put(DMA_DESTINATION, to_memory ? address : DMA_BUFFER);
	put(DMA_COUNT, 8);
	put(DMA_COMMAND, DMA_START | (to_memory ? DMA_TO_MEMORY : 0));
	for (int i = 0; i < 5000; i++) {
		if (!(*(volatile uint32_t *)(regs + DMA_COMMAND) & DMA_START))
			return;
		usleep(1000);
	}
	fail("the device does not end its transfer");
}

/* What the device has of this address, brought to a page we can look at. */
static uint64_t read_by_device(uint64_t address, volatile uint64_t *page, uint64_t page_at)
{
	*page = 0;
	transfer(address, false);
	transfer(page_at, true);
	return *page;
}

static uint64_t physical(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)p / PAGE * 8)) != 8)
		fail("/proc/self/pagemap");
	close(fd);
	if (!(entry >> 63) || !(entry & ((1ull << 55) - 1)))
		fail("the page's address");
	return (entry & ((1ull << 55) - 1)) * PAGE;
}

int main(void)
{
	static const struct {
		const char *what;
		uint64_t address;
		bool write;
	} attempts[] = {
	    {"read where no memory of this workstation is", 0xc0000000, false},
	    {"write there", 0xc0000000, true},
	    {"read the machine's memory above 4 GiB", 0x100000000, false},
	    {"write there", 0x100000000, true},
	    {"read far above", 0x800000000, false},
	    {"forge an interrupt to another workstation's core", 0xfee03000, true},
	};
	const uint64_t known = 0x6b6f72706163ull;
	volatile uint64_t *page;
	uint64_t at;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_device();
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	if (page == MAP_FAILED)
		fail("a page of our own");
	page[0] = 1, page[PAGE / 8] = known;
	at = physical((void *)page);
	if (read_by_device(physical((void *)(page + PAGE / 8)), page, at) != known)
		fail("control: the device cannot reach its own workstation's memory");
	printf("attack: control: the device reads and writes this workstation's memory\n");
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		printf("attack: %s (%#" PRIx64 ")\n", attempts[i].what, attempts[i].address);
		if (attempts[i].write)
			transfer(attempts[i].address, true);
		else
			read_by_device(attempts[i].address, page, at);
	}
	printf("attack: %zu attempts made\n", sizeof(attempts) / sizeof(attempts[0]));
	return 0;
}
