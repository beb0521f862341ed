#include "core/base/mem.h"
#include "core/port.h"
#include "core/vcpu/gwalk.h"
#include "core/vcpu/vcpu.h"

#define VECTOR_PF 14

/* The piece of RAM that holds gpa, with the bytes left in it. */
static bool find(const struct guest *g, gpa_t gpa, paddr_t *pa, u64 *left)
{
	for (u32 i = 0; i < g->nram; i++) {
		u64 off = gpa.v - g->ram[i].gpa.v;

		if (off < g->ram[i].size) {
			*pa = PADDR(g->ram[i].hpa.v + off);
			*left = g->ram[i].size - off;
			return true;
		}
	}
	return false;
}

void *guest_memory(const struct guest *g, gpa_t gpa)
{
	paddr_t pa;
	u64 left;

	return find(g, gpa, &pa, &left) ? port_guest(pa) : NULL;
}

/* Bytes that one window shows from pa on. */
static u64 window_left(paddr_t pa)
{
	return PORT_GUEST_SPAN - (pa.v & (PORT_GUEST_SPAN - 1));
}

int guest_read(const struct guest *g, gpa_t gpa, void *dst, u64 n)
{
	while (n) {
		paddr_t pa;
		u64 left;

		if (!find(g, gpa, &pa, &left))
			return ERR_RANGE;
		left = min_u64(n, min_u64(left, window_left(pa)));
		memcpy(dst, port_guest(pa), left);
		dst = (u8 *)dst + left;
		gpa.v += left;
		n -= left;
	}
	return OK;
}

int guest_write(const struct guest *g, gpa_t gpa, const void *src, u64 n)
{
	while (n) {
		paddr_t pa;
		u64 left;

		if (!find(g, gpa, &pa, &left))
			return ERR_RANGE;
		left = min_u64(n, min_u64(left, window_left(pa)));
		memcpy(port_guest(pa), src, left);
		src = (const u8 *)src + left;
		gpa.v += left;
		n -= left;
	}
	return OK;
}

static int walk_read(void *ctx, gpa_t gpa, void *dst, size_t n)
{
	return guest_read(ctx, gpa, dst, n);
}

static int walk_read_entry(void *ctx, gpa_t gpa, u64 *entry)
{
	const u64 *p = guest_memory(ctx, GPA(gpa.v & ~7ull));

	if (!p)
		return ERR_RANGE;
	*entry = *(const volatile u64 *)p;
	return OK;
}

static int walk_set_bits(void *ctx, gpa_t gpa, u32 bits)
{
	u32 *p = guest_memory(ctx, GPA(gpa.v & ~3ull));

	if (!p)
		return ERR_RANGE;
	__atomic_or_fetch(p, bits, __ATOMIC_SEQ_CST);
	return OK;
}

static void walk_setup(struct vcpu *v, struct gwalk_regs *r, struct gwalk_mem *m)
{
	r->cr0 = v->ops->read(v, VIRT_CR0);
	r->cr3 = v->cr3;
	r->cr4 = v->view.cr4;
	r->efer = v->ops->read(v, VIRT_EFER);
	m->read = walk_read;
	m->read_entry = walk_read_entry;
	m->set_bits = walk_set_bits;
	m->ctx = v->guest;
}

int vcpu_translate(struct vcpu *v, u64 linear, gpa_t *out)
{
	struct gwalk_regs regs;
	struct gwalk_mem mem;
	struct gwalk w;

	walk_setup(v, &regs, &mem);
	int err = gwalk(&regs, &mem, linear, &w);

	if (!err)
		*out = w.gpa;
	return err;
}

int vcpu_translate_data(struct vcpu *v, u64 linear, bool write, gpa_t *out)
{
	const struct gwalk_access access = {
	    .write = write, .user = v->ops->cpl(v) == 3, .ac = v->rflags >> 18 & 1};
	struct gwalk_regs regs;
	struct gwalk_mem mem;
	u32 fault;

	walk_setup(v, &regs, &mem);
	int err = gwalk_data(&regs, &mem, linear, &access, out, &fault);

	if (err == ERR_PERM) {
		v->ops->write(v, VIRT_CR2, linear);
		v->ops->inject(v, VECTOR_PF, true, fault);
	} else if (err) {
		vcpu_inject_gp(v);
	}
	return err;
}

static u64 fetch_address(struct vcpu *v)
{
	if (v->long_mode)
		return v->rip;
	return (u32)(v->ops->seg_base(v, SEG_CS) + v->rip);
}

size_t vcpu_fetch(struct vcpu *v, u8 out[INSN_MAX])
{
	struct gwalk_regs regs;
	struct gwalk_mem mem;
	size_t got;

	walk_setup(v, &regs, &mem);
	if (gwalk_fetch(&regs, &mem, fetch_address(v), out, INSN_MAX, &got))
		return 0;
	return got;
}

void vcpu_set_windows(struct vcpu *v, const struct port_windows *w)
{
	v->windows = w;
	for (u32 i = 0; i < VCPU_INSN_CACHE; i++)
		v->insns[i].place = port_no_place(w);
}

/* Fetch and decode; remember it where the 16 bytes to compare later lie in one page. */
static __attribute__((noinline)) const struct insn *decode(struct vcpu *v, struct insn_cached *e)
{
	u8 bytes[INSN_MAX];
	paddr_t pa;
	gpa_t gpa;
	u64 left;
	size_t n = vcpu_fetch(v, bytes);

	e->place = port_no_place(v->windows);
	if (!n)
		return NULL;
	if (insn_decode(bytes, n, v->ops->code_mode(v), &e->insn)) {
		vcpu_inject_ud(v);
		return NULL;
	}
	if (!v->long_mode || vcpu_translate(v, v->rip, &gpa) ||
	    gpa.v % PAGE_SIZE > PAGE_SIZE - sizeof(e->bytes) || !find(v->guest, gpa, &pa, &left))
		return &e->insn;
	memcpy(e->bytes, port_guest(pa), sizeof(e->bytes));
	/* The guest may have changed them since the fetch; then it is decoded again next time. */
	if (!memcmp(e->bytes, bytes, n)) {
		e->rip = v->rip;
		e->cr3 = v->cr3;
		e->place = port_guest_place(v->windows, pa);
	}
	return &e->insn;
}

const struct insn *vcpu_instruction(struct vcpu *v)
{
	const struct insn *i = vcpu_known_instruction(v);

	return i ? i : decode(v, &v->insns[v->rip / 2 % VCPU_INSN_CACHE]);
}
