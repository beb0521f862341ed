/* The VT-d model's register window (VT-d 4.1 §11.4), commands, fault records, time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/machine.h"
#include "tests/fake/vtd_model.h"

void vtdm_violate(struct vtd_model *m, const char *format, ...)
{
	char text[sizeof(m->first)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (getenv("CAPROCK_TEST_LOG"))
		fprintf(stderr, "vtd model: violation: %s\n", text);
	if (!m->violations++)
		memcpy(m->first, text, sizeof(text));
}

/* ---- faults (§7.2) --------------------------------------------------------------------------- */

static u32 records(const struct vtd_model *m)
{
	return (u32)bits(m->config.cap, 47, 40) + 1;
}

/* PPF is the logical or of all F; which record was the first is told as of when it was set. */
void vtdm_fault_pending_update(struct vtd_model *m)
{
	for (u32 i = 0; i < records(m); i++)
		if (m->record[i].hi >> 63)
			return;
	m->fsts &= ~(u32)(F_PPF | 0xff00);
	if (m->config.restarts_records)
		m->next_record = 0;
}

static void send_event(struct vtd_model *m)
{
	if (m->fectl >> 31) {
		m->fectl |= 1u << 30;
		return;
	}
	m->fectl &= ~(1u << 30);
	m->counts.fault_events++;
	m->counts.fault_data = m->fedata;
	m->counts.fault_address = (u64)m->feuaddr << 32 | m->feaddr;
}

/* A status bit that comes up while another is up is no new event (§7.3). */
void vtdm_event(struct vtd_model *m, u32 status_bit)
{
	bool quiet = m->fsts & (F_PFO | F_PPF | F_IQE | F_ICE | F_ITE);

	m->fsts |= status_bit;
	if (!quiet)
		send_event(m);
}

void vtdm_fault(struct vtd_model *m, u16 rid, u8 reason, u64 info, bool write)
{
	/* Advanced fault logging: records go to memory, where nobody looks (§7.2.2). */
	if (m->fsts & F_PFO || m->gsts & G_EAFL) {
		m->counts.faults_lost++;
		return;
	}
	if (m->record[m->next_record].hi >> 63) {
		m->counts.faults_lost++;
		vtdm_event(m, F_PFO);
		return;
	}
	m->record[m->next_record].lo = info & ~0xfffull;
	m->record[m->next_record].hi = 1ull << 63 | (u64)!write << 62 | (u64)reason << 32 | rid;
	if (!(m->fsts & F_PPF))
		m->fsts |= m->next_record << 8;
	m->next_record = (m->next_record + 1) % records(m);
	vtdm_event(m, F_PPF);
}

/* ---- commands (§11.4.4) ---------------------------------------------------------------------- */

static void check_enable(struct vtd_model *m, u32 bit)
{
	if (bit == G_TE && !(m->gsts & G_RTP))
		vtdm_violate(m, "translation enabled before a root table was set");
	if (bit == G_TE && (m->owe_context || m->owe_iotlb || m->owe_pasid))
		vtdm_violate(m, "translation enabled before the caches were invalidated globally");
	if (bit == G_IRE && !(m->gsts & G_IRTP))
		vtdm_violate(m, "interrupt remapping enabled before a table was set");
	if (bit == G_IRE && m->owe_iec)
		vtdm_violate(m, "interrupt remapping enabled before a global IEC invalidation");
	if (bit == G_IRE && !(m->gsts & G_QIE))
		vtdm_violate(m, "interrupt remapping enabled without the invalidation queue");
	if (bit == G_IRE && !vtdm_ecap(m, VTDM_IR))
		vtdm_violate(m, "interrupt remapping enabled where there is none");
	if (bit == G_QIE && m->iqt)
		vtdm_violate(m, "queue enabled with its tail at %#llx", (unsigned long long)m->iqt);
	if (bit == G_QIE && m->iqa & ~0xfffull & ~(BIT(m->config.haw) - 1))
		vtdm_violate(m, "queue beyond the host address width");
}

static void command(struct vtd_model *m, u32 v)
{
	u32 lasting = (v ^ m->gsts) & (u32)G_LASTING, oneshot = v & (u32)G_ONESHOT;
	u32 what = lasting | oneshot;

	if (m->gcmd_pending)
		vtdm_violate(m, "GCMD written while %#x is under way", m->gcmd_pending);
	if (v & ~(u32)(G_LASTING | G_ONESHOT))
		vtdm_violate(m, "GCMD reserved bits %#x", v & ~(u32)(G_LASTING | G_ONESHOT));
	if (__builtin_popcount(what) != 1)
		vtdm_violate(m, "GCMD changes %d things at once (%#x)", __builtin_popcount(what),
			     what);
	if (what & G_WBF && !vtdm_cap(m, VTDM_RWBF))
		vtdm_violate(m, "write buffers flushed where there are none");
	if (what & (G_EAFL | G_FL) && !vtdm_cap(m, VTDM_AFL))
		vtdm_violate(m, "advanced fault logging, which there is none of");
	if (what & G_RTP)
		m->gsts &= ~(u32)G_RTP;
	if (what & G_IRTP)
		m->gsts &= ~(u32)G_IRTP;
	if (what & G_WBF)
		m->gsts |= G_WBF;
	if (what & G_QIE && !(v & G_QIE) && !m->queue_stopped && !m->hung &&
	    (m->iqh != m->iqt || m->waiting || m->npending))
		vtdm_violate(m, "queue disabled while it works");
	if (lasting & v)
		check_enable(m, lasting);
	m->gcmd_pending = what;
	m->gcmd_value = v;
	m->gcmd_left = m->config.late;
}

static void latch_root(struct vtd_model *m)
{
	u8 ttm = (u8)bits(m->rtaddr, 11, 10);

	if (m->gsts & G_TE && ttm != m->ttm)
		vtdm_violate(m, "translation mode changed while translating");
	m->root = m->rtaddr & ~0xfffull;
	m->ttm = ttm;
	m->owe_context = m->owe_iotlb = !vtdm_cap(m, VTDM_ESRTPS);
	m->owe_pasid = m->owe_context && ttm == 1;
	if (vtdm_cap(m, VTDM_ESRTPS)) {
		vtdm_drop_context(m, true, false, 0, 0, 0);
		vtdm_drop_pasid(m, true, 0);
		vtdm_drop_tlb(m, true, 0, 0, 0, false);
	}
	/* It may read from now on (§6.8). */
	if (!vtdm_settled(m, m->root, PAGE_SIZE))
		vtdm_violate(m, "root table set before it is in memory");
	if (!vtdm_address_ok(m, m->root))
		vtdm_violate(m, "root table beyond the host address width");
}

static void latch_irt(struct vtd_model *m)
{
	bool eime = m->irta & BIT(11);

	if (m->gsts & G_IRE && eime != m->eime)
		vtdm_violate(m, "interrupt mode changed while remapping");
	if (eime && !vtdm_ecap(m, VTDM_EIM))
		vtdm_violate(m, "extended interrupt mode, which there is none of");
	m->irt = m->irta & ~0xfffull;
	m->irt_entries = 2u << bits(m->irta, 3, 0);
	m->eime = eime;
	m->owe_iec = !vtdm_cap(m, VTDM_ESIRTPS);
	if (vtdm_cap(m, VTDM_ESIRTPS))
		vtdm_drop_irte(m, true, 0, 0);
	if (!vtdm_settled(m, m->irt, (u64)m->irt_entries * 16))
		vtdm_violate(m, "interrupt table set before it is in memory");
	if (m->irt & ((u64)m->irt_entries * 16 - 1) & ~0xfffull)
		vtdm_violate(m, "interrupt table of %u entries not aligned to its size",
			     m->irt_entries);
}

static void command_done(struct vtd_model *m)
{
	u32 what = m->gcmd_pending, v = m->gcmd_value;

	m->gcmd_pending = 0;
	m->gsts = (m->gsts & ~(u32)G_LASTING) | (v & (u32)G_LASTING);
	if (what & G_RTP) {
		latch_root(m);
		m->gsts |= G_RTP;
	}
	if (what & G_IRTP) {
		latch_irt(m);
		m->gsts |= G_IRTP;
	}
	if (what & G_WBF) {
		fake_view_drain();
		m->counts.drains++;
		m->gsts &= ~(u32)G_WBF;
	}
	if (what & G_QIE) {
		m->iqh = 0;
		m->queue_stopped = m->waiting = false;
		m->npending = 0;
	}
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool count_down(u32 *left)
{
	if (*left)
		--*left;
	return !*left;
}

void vtd_model_step(struct vtd_model *m, u32 steps)
{
	if (m->in_step)
		return;
	m->in_step = true;
	for (u32 i = 0; i < steps; i++) {
		if (m->gcmd_pending && !(m->gcmd_pending & m->deaf) && count_down(&m->gcmd_left))
			command_done(m);
		if (bits(m->pmen, 31, 31) != (m->pmen & 1) && m->deaf != ~0u &&
		    count_down(&m->pmen_left))
			m->pmen ^= 1;
		vtdm_queue_step(m);
	}
	m->in_step = false;
}

static void settle_if_prompt(struct vtd_model *m)
{
	if (m->config.late || m->deaf)
		return;
	while (
	    m->gcmd_pending || bits(m->pmen, 31, 31) != (m->pmen & 1) ||
	    (m->gsts & G_QIE && !m->queue_stopped && !m->hung && (m->iqh != m->iqt || m->waiting)))
		vtd_model_step(m, 1);
}

/* ---- the window ------------------------------------------------------------------------------ */

static u32 fro(const struct vtd_model *m)
{
	return (u32)bits(m->config.cap, 33, 24) * 16;
}

static u64 *reg64(struct vtd_model *m, u64 off)
{
	switch (off) {
	case 0x08:
		return &m->config.cap;
	case 0x10:
		return &m->config.ecap;
	case 0x20:
		return &m->rtaddr;
	case 0x70:
		return &m->phmbase;
	case 0x78:
		return &m->phmlimit;
	case 0x80:
		return &m->iqh;
	case 0x88:
		return &m->iqt;
	case 0x90:
		return &m->iqa;
	case 0xb0:
		return &m->iqercd;
	case 0xb8:
		return &m->irta;
	}
	if (off >= fro(m) && off < fro(m) + 16 * records(m)) {
		u64 i = (off - fro(m)) / 16;

		return off % 16 ? &m->record[i].hi : &m->record[i].lo;
	}
	return NULL;
}

static u32 *reg32(struct vtd_model *m, u64 off)
{
	switch (off) {
	case 0x1c:
		return &m->gsts;
	case 0x34:
		return &m->fsts;
	case 0x38:
		return &m->fectl;
	case 0x3c:
		return &m->fedata;
	case 0x40:
		return &m->feaddr;
	case 0x44:
		return &m->feuaddr;
	case 0x64:
		return &m->pmen;
	case 0x68:
		return &m->plmbase;
	case 0x6c:
		return &m->plmlimit;
	}
	return NULL;
}

static u64 window_read(void *model, u64 off, u8 width)
{
	struct vtd_model *m = model;
	u64 *r64 = reg64(m, off & ~7ull);
	u32 *r32 = reg32(m, off);

	vtd_model_step(m, 1);
	m->counts.fsts_reads += off == 0x34;
	if (width < 4)
		vtdm_violate(m, "read of %u bytes at %#llx", width, (unsigned long long)off);
	if (off == 0)
		return 0x10;
	if (r64)
		return width == 8 ? *r64 : (u32)(*r64 >> 8 * (off & 4));
	if (r32 && width == 4)
		return *r32;
	vtdm_violate(m, "read of %u bytes at %#llx, where no such register is", width,
		     (unsigned long long)off);
	return 0;
}

static void write_fault_status(struct vtd_model *m, u32 v)
{
	u32 clear = v & (u32)(F_PFO | F_IQE | F_ICE | F_ITE) & m->fsts;

	m->fsts &= ~clear;
	if (clear & (F_IQE | F_ITE)) {
		m->queue_stopped = m->fsts & (F_IQE | F_ITE);
		m->queue_left = m->config.late;
	}
}

static void write_fectl(struct vtd_model *m, u32 v)
{
	m->fectl = (m->fectl & ~(1u << 31)) | (v & 1u << 31);
	if (!(m->fectl >> 31) && m->fectl >> 30 & 1)
		send_event(m);
}

static void write_pmen(struct vtd_model *m, u32 v)
{
	if (!vtdm_cap(m, VTDM_PLMR | VTDM_PHMR))
		vtdm_violate(m, "protected memory, which there is none of");
	if (!(v >> 31) && m->pmen >> 31 && !(m->gsts & G_TE))
		vtdm_violate(m, "protected memory opened before translation is on");
	m->pmen = (m->pmen & 1) | (v & 1u << 31);
	m->pmen_left = m->config.late;
}

/* The new value of a 64-bit register, also when only one half of it is written. */
static u64 merged(u64 old, u64 off, u8 width, u64 v)
{
	if (width == 8)
		return v;
	return off & 4 ? (u32)old | v << 32 : (old & ~0xffffffffull) | (u32)v;
}

static void write_record(struct vtd_model *m, u64 off, u64 v)
{
	u64 i = (off - fro(m)) / 16;

	if (off % 16 == 8 && v >> 63) {
		m->record[i].hi &= ~(1ull << 63);
		vtdm_fault_pending_update(m);
	}
}

static void write64(struct vtd_model *m, u64 off, u64 v)
{
	switch (off) {
	case 0x20:
		m->rtaddr = v & ~0x3ffull;
		if (m->config.no_legacy && !bits(v, 11, 10))
			m->rtaddr |= 1 << 10;
		else if (bits(v, 11, 10) == 1 && !vtdm_ecap(m, VTDM_SMTS))
			m->rtaddr &= ~0xc00ull;
		return;
	case 0x70:
		m->phmbase = v;
		return;
	case 0x78:
		m->phmlimit = v;
		return;
	case 0x88:
		vtdm_queue_tail(m, v);
		return;
	case 0x90:
		if (m->gsts & G_QIE)
			vtdm_violate(m, "queue moved while it is enabled");
		m->iqa = v;
		return;
	case 0xb8:
		if (v & 0x7f0)
			vtdm_violate(m, "IRTA reserved bits %#llx", (unsigned long long)v & 0x7f0);
		m->irta = v;
		return;
	}
	if (off >= fro(m) && off < fro(m) + 16 * records(m))
		write_record(m, off, v);
	else
		vtdm_violate(m, "write of a read-only register at %#llx", (unsigned long long)off);
}

static void write32(struct vtd_model *m, u64 off, u32 v)
{
	if (off >= 0x3c && off <= 0x44 && !(m->fectl >> 31))
		vtdm_violate(m, "fault event changed while it is not masked");
	switch (off) {
	case 0x18:
		command(m, v);
		return;
	case 0x34:
		write_fault_status(m, v);
		return;
	case 0x38:
		write_fectl(m, v);
		return;
	case 0x3c:
		m->fedata = v;
		return;
	case 0x40:
		m->feaddr = v;
		return;
	case 0x44:
		m->feuaddr = v;
		return;
	case 0x64:
		write_pmen(m, v);
		return;
	case 0x68:
		m->plmbase = v;
		return;
	case 0x6c:
		m->plmlimit = v;
		return;
	}
	vtdm_violate(m, "write of %#x at %#llx, where no such register is", v,
		     (unsigned long long)off);
}

static void window_write(void *model, u64 off, u8 width, u64 v)
{
	struct vtd_model *m = model;
	u64 *r64 = reg64(m, off & ~7ull);

	if (width < 4)
		vtdm_violate(m, "write of %u bytes at %#llx", width, (unsigned long long)off);
	else if (r64)
		write64(m, off & ~7ull, merged(off >= fro(m) ? 0 : *r64, off, width, v));
	else if (width == 4)
		write32(m, off, (u32)v);
	else
		vtdm_violate(m, "write of 8 bytes at %#llx, where no such register is",
			     (unsigned long long)off);
	settle_if_prompt(m);
}

static const struct fake_mmio_ops window_ops = {window_read, window_write};

static void relax(void *model)
{
	vtd_model_step(model, 1);
}

static void barrier(void *model)
{
	struct vtd_model *m = model;

	m->unordered = false;
}

static void exchange(void *model, volatile u128 *p, u128 old, u128 now)
{
	barrier(model); /* a locked instruction */
}

static struct fake_watch watches[8];
static struct vtd_model *models[8];

struct vtd_model *vtd_model_new(const struct vtd_model_config *config)
{
	struct vtd_model *m = calloc(1, sizeof(*m));
	u32 i = 0;

	while (i < 8 && models[i])
		i++;
	if (!m || i == 8)
		fake_fail("no room for another VT-d model");
	m->config = *config;
	m->config.haw = config->haw ? config->haw : 46;
	m->config.timeout = config->timeout ? config->timeout : 200;
	m->fectl = 1u << 31;
	fake_mmio_add(config->base, VTD_MODEL_WINDOW, &window_ops, m);
	models[i] = m;
	watches[i] = (struct fake_watch){
	    .barrier = barrier, .exchange = exchange, .relax = relax, .model = m};
	fake_watch_add(&watches[i]);
	fake_view_observe(vtdm_watch_store, m);
	return m;
}

void vtd_model_free(struct vtd_model *m)
{
	for (u32 i = 0; i < 8; i++)
		if (models[i] == m)
			models[i] = NULL;
	free(m);
}

u32 vtd_model_violations(const struct vtd_model *m)
{
	return m->violations;
}

const char *vtd_model_first_violation(const struct vtd_model *m)
{
	return m->first;
}

const struct vtd_model_counts *vtd_model_counts(const struct vtd_model *m)
{
	return &m->counts;
}

u32 vtd_model_gsts(const struct vtd_model *m)
{
	return m->gsts;
}

u32 vtd_model_fsts(const struct vtd_model *m)
{
	return m->fsts;
}

u32 vtd_model_pmen(const struct vtd_model *m)
{
	return m->pmen;
}

void vtd_model_fault(struct vtd_model *m, u16 rid, u8 reason, u64 info, bool write)
{
	vtdm_fault(m, rid, reason, info, write);
}

void vtd_model_stray_answer(struct vtd_model *m, u16 rid)
{
	m->iqercd = (m->iqercd & 0xffffffffffffull) | (u64)rid << 48;
	vtdm_event(m, F_ICE);
}

void vtd_model_refuse(struct vtd_model *m, u32 times)
{
	vtd_model_refuse_after(m, 0, times);
}

void vtd_model_refuse_after(struct vtd_model *m, u32 after, u32 times)
{
	m->refuse_after = after;
	m->refuse_next = times;
}

void vtd_model_hang_commands(struct vtd_model *m)
{
	m->deaf = ~0u;
}

void vtd_model_hang_command(struct vtd_model *m, u32 which)
{
	m->deaf = which;
}

bool vtd_model_unordered(const struct vtd_model *m)
{
	return m->unordered;
}

void vtd_model_hang(struct vtd_model *m)
{
	m->hung = true;
}
