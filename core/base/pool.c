#include "core/base/pool.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/port.h"

void pool_init(struct pool *p, paddr_t base, u64 size)
{
	*p = (struct pool){.base = base, .size = size};
}

/* With the lock held; the pages are not zeroed yet. */
static int take_run(struct pool *p, u64 pages, paddr_t *out)
{
	u64 align = PAGE_SIZE;

	if (!pages || pages > p->size / PAGE_SIZE)
		return ERR_NOMEM;
	while (align < pages * PAGE_SIZE)
		align <<= 1;

	u64 start = align_up(p->base.v + p->next, align) - p->base.v;

	if (start > p->size || pages * PAGE_SIZE > p->size - start)
		return ERR_NOMEM;
	*out = PADDR(p->base.v + start);
	p->next = start + pages * PAGE_SIZE;
	p->in_use += pages * PAGE_SIZE;
	return OK;
}

static int take_page(struct pool *p, paddr_t *out)
{
	if (!p->free.v)
		return take_run(p, 1, out);
	*out = p->free;
	p->free.v = *(u64 *)port_va(p->free);
	p->in_use += PAGE_SIZE;
	return OK;
}

int pool_page(struct pool *p, paddr_t *out)
{
	int err;

	spin_lock(&p->lock);
	err = take_page(p, out);
	spin_unlock(&p->lock);
	if (!err)
		memset(port_va(*out), 0, PAGE_SIZE);
	return err;
}

int pool_run(struct pool *p, u64 pages, paddr_t *out)
{
	int err;

	spin_lock(&p->lock);
	err = take_run(p, pages, out);
	spin_unlock(&p->lock);
	if (!err)
		memset(port_va(*out), 0, pages * PAGE_SIZE);
	return err;
}

void *pool_bytes(struct pool *p, u64 bytes)
{
	paddr_t pa;

	return pool_run(p, bytes / PAGE_SIZE + !!(bytes % PAGE_SIZE), &pa) ? NULL : port_va(pa);
}

void pool_put(struct pool *p, paddr_t page)
{
	spin_lock(&p->lock);
	*(u64 *)port_va(page) = p->free.v;
	p->free = page;
	p->in_use -= PAGE_SIZE;
	spin_unlock(&p->lock);
}
