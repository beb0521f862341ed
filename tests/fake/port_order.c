#include "core/port.h"
#include "tests/fake/port_order.h"

void (*fake_on_cache_flush)(const void *va, size_t n);
void (*fake_on_wmb)(void);
void (*fake_on_mb)(void);
void (*fake_on_relax)(void);

void port_cache_flush(const void *va, size_t n)
{
	if (fake_on_cache_flush)
		fake_on_cache_flush(va, n);
}

void port_wmb(void)
{
	if (fake_on_wmb)
		fake_on_wmb();
}

void port_mb(void)
{
	if (fake_on_mb)
		fake_on_mb();
}

void port_relax(void)
{
	if (fake_on_relax)
		fake_on_relax();
}
