/* The AMD IOMMU model: registers, command buffer, event log, interrupts of its own. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/amdvi_model.h"

static struct amdvi_model *models;
static u32 violations;
static char last_violation[256];
static void (*relax_hook)(void *ctx);
static void *relax_ctx;
static bool in_relax;

void model_violation(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(last_violation, sizeof(last_violation), format, ap);
	va_end(ap);
	fprintf(stderr, "# amd iommu model: %s\n", last_violation);
	violations++;
}

u32 amdvi_model_violations(void)
{
	return violations;
}

void amdvi_model_reset_violations(void)
{
	violations = 0;
	last_violation[0] = 0;
}

const char *amdvi_model_violation(void)
{
	return last_violation;
}

bool model_enabled(const struct amdvi_model *m)
{
	return m->control & C_IOMMU_EN;
}

void model_load(u64 at, void *dst, size_t n)
{
	if (!fake_view_read(VIEW_SNOOP, PADDR(at), dst, n)) {
		model_violation("the unit was made to read %#llx, which is not RAM",
				(unsigned long long)at);
		memset(dst, 0, n);
	}
}

void model_store(u64 at, const void *src, size_t n)
{
	if (!fake_view_write(PADDR(at), src, n))
		model_violation("the unit was made to write %#llx, which is not RAM",
				(unsigned long long)at);
}

static u32 ring_bytes(u64 base)
{
	return 16u << (base >> 56 & 15);
}

/* ---- interrupts of the unit itself (48882 §3.4.9, §3.4.12) ---------------------------------- */

static void raise_interrupt(struct amdvi_model *m)
{
	struct amdvi_model_irq *irq = &m->last_interrupt;

	if (m->control & C_INTCAPXT) {
		irq->apic_id = (u32)(m->xt[0] >> 8 & 0xffffff) | (u32)(m->xt[0] >> 56) << 24;
		irq->vector = (u8)(m->xt[0] >> 32);
		irq->logical = m->xt[0] >> 2 & 1;
	} else if (m->msi_control & 1) {
		irq->apic_id = m->msi_address[0] >> 12 & 0xff;
		irq->vector = (u8)m->msi_data;
		irq->logical = m->msi_address[0] >> 2 & 1;
		if (m->msi_address[0] >> 20 != 0xfee || m->msi_address[1])
			model_violation("MSI of the unit to %#x_%08x", m->msi_address[1],
					m->msi_address[0]);
	} else {
		return;
	}
	m->interrupts++;
}

static void set_status(struct amdvi_model *m, u32 bit, u64 enable)
{
	bool rise = !(m->status & bit);

	m->status |= bit;
	if (rise && (m->control & enable))
		raise_interrupt(m);
}

/* ---- event log (48882 §2.5) ------------------------------------------------------------------ */

static void write_event(struct amdvi_model *m)
{
	if (m->event_pending)
		model_store((m->evtbase & 0xffffffffff000ull) + m->event_at, m->event_q, 16);
	m->event_pending = false;
}

static void log_event(struct amdvi_model *m, u64 q0, u64 q1)
{
	u32 bytes = ring_bytes(m->evtbase), next = (m->evttail + 16) % bytes;

	if (!(m->status & S_EVTRUN))
		return;
	write_event(m);
	if (next == m->evthead) {
		m->status &= ~S_EVTRUN;
		set_status(m, S_OVERFLOW, C_EVTINT_EN);
		return;
	}
	m->event_q[0] = q0;
	m->event_q[1] = q1;
	m->event_at = m->evttail;
	m->event_pending = true;
	if (!m->config.late_events)
		write_event(m);
	m->evttail = next;
	set_status(m, S_EVTINT, C_EVTINT_EN);
}

void model_event(struct amdvi_model *m, u8 code, u16 rid, u16 domain, u32 flags, u64 address)
{
	log_event(m, rid | (u64)domain << 32 | (u64)flags << 48 | (u64)code << 60, address);
}

void amdvi_model_inject(struct amdvi_model *m, u64 q0, u64 q1)
{
	log_event(m, q0, q1);
}

/* ---- commands (48882 §2.4) ------------------------------------------------------------------- */

static void command_error(struct amdvi_model *m, u8 event)
{
	u64 at = (m->cmdbase & 0xffffffffff000ull) + m->cmdhead;

	m->status &= ~S_CMDRUN;
	m->head_unknown = true;
	log_event(m, (u64)event << 60, at);
}

/* The address range of a page command: bit 12 upward, the first zero ends the size mask. */
static void page_range(u64 q1, u64 *lo, u64 *hi)
{
	u64 address = q1 & ~0xfffull, size = 4096;

	if (q1 & 1) {
		size = 8192;
		for (u64 bit = 1ull << 12; bit != 1ull << 63 && (address & bit); bit <<= 1)
			size <<= 1;
		if (address == 0x7ffffffffffff000ull) {
			*lo = 0;
			*hi = ~0ull;
			return;
		}
	}
	*lo = address & ~(size - 1);
	*hi = *lo + size - 1;
}

static bool has_reserved(const u64 *q, u64 mask0, u64 mask1)
{
	return (q[0] & mask0) || (q[1] & mask1);
}

/* Carry out one command; false: it is illegal. */
static bool execute(struct amdvi_model *m, struct amdvi_model_command *c)
{
	const u64 *q = c->q;

	c->opcode = q[0] >> 60;
	switch (c->opcode) {
	case AMDVI_MODEL_COMPLETION_WAIT:
		if (has_reserved(q, 0x0ff0000000000000ull, 0))
			return false;
		if (q[0] & 1) {
			model_store(q[0] & 0xffffffffffff8ull, &q[1], 8);
			m->unordered = true;
		}
		if (q[0] & 2)
			set_status(m, S_WAITINT, 1ull << 4);
		return true;
	case AMDVI_MODEL_INVALIDATE_DEVTAB:
		c->id = (u16)q[0];
		if (has_reserved(q, 0x0fffffffffff0000ull, ~0ull))
			return false;
		model_drop_dte(m, c->id);
		return true;
	case AMDVI_MODEL_INVALIDATE_PAGES:
		c->id = (u16)(q[0] >> 32);
		c->tables = q[1] >> 1 & 1;
		if (has_reserved(q, 0x0fff0000ffffffffull, 0xffc))
			return false;
		page_range(q[1], &c->lo, &c->hi);
		model_drop_pages(m, c->id, c->lo, c->hi, c->tables);
		return true;
	case AMDVI_MODEL_INVALIDATE_IOTLB:
		c->id = (u16)q[0];
		if (has_reserved(q, 0x0fff000000ff0000ull, 0xffe))
			return false;
		page_range(q[1], &c->lo, &c->hi);
		if (!model_ats_enabled(m, c->id))
			model_violation("%04x was asked to empty a TLB it may not have", c->id);
		if (model_muted(c->id))
			model_event(m, EVENT_IOTLB_TIMEOUT, c->id, 0, 0,
				    (m->cmdbase & 0xffffffffff000ull) + m->cmdhead);
		else
			model_drop_iotlb(m, c->id, c->lo, c->hi);
		return true;
	case AMDVI_MODEL_INVALIDATE_INTERRUPTS:
		c->id = (u16)q[0];
		if (has_reserved(q, 0x0fffffffffff0000ull, ~0ull))
			return false;
		model_drop_interrupts(m, c->id);
		return true;
	case AMDVI_MODEL_INVALIDATE_ALL:
		if (!(m->config.features & AMDVI_MODEL_IA) ||
		    has_reserved(q, ~(15ull << 60), ~0ull))
			return false;
		model_drop_all(m);
		return true;
	default:
		return false;
	}
}

static bool step(struct amdvi_model *m)
{
	struct amdvi_model_command *c = &m->log[m->ncommands % MODEL_LOG];

	if (!(m->status & S_CMDRUN) || m->cmdhead == m->cmdtail)
		return false;
	memset(c, 0, sizeof(*c));
	model_load((m->cmdbase & 0xffffffffff000ull) + m->cmdhead, c->q, 16);
	if (m->break_after) {
		m->break_after--;
	} else if (m->break_times) {
		m->break_times--;
		command_error(m, m->break_event);
		return false;
	}
	if (!execute(m, c)) {
		model_violation("illegal command %#llx %#llx at %#x", (unsigned long long)c->q[0],
				(unsigned long long)c->q[1], m->cmdhead);
		command_error(m, EVENT_ILLEGAL_COMMAND);
		return false;
	}
	m->count[c->opcode]++;
	m->ncommands++;
	m->cmdhead = (m->cmdhead + 16) % ring_bytes(m->cmdbase);
	m->delay_left = m->config.delay;
	return true;
}

static void run_commands(struct amdvi_model *m)
{
	if (m->config.late)
		return;
	while (step(m))
		;
}

static void on_relax(void *model)
{
	struct amdvi_model *m = model;

	if (relax_hook && !in_relax) {
		in_relax = true;
		relax_hook(relax_ctx);
		in_relax = false;
	}
	write_event(m);
	m->status &= ~m->stopping;
	m->stopping = 0;
	if (m->delay_left)
		m->delay_left--;
	else if (step(m))
		m->idle = 0;
	if (++m->idle > MODEL_PATIENCE)
		fake_fail("the driver waits for something that will never come");
}

static void on_barrier(void *model)
{
	struct amdvi_model *m = model;

	m->unordered = false;
}

static void on_exchange(void *model, volatile u128 *p, u128 old, u128 new)
{
	on_barrier(model); /* a locked instruction */
	model_saw_exchange(model, p, new);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* A ring stops at once, or a polling step after it was told to. */
static void stop_ring(struct amdvi_model *m, u32 run)
{
	if (m->config.late)
		m->stopping |= m->status & run;
	else
		m->status &= ~run;
}

static void update_run(struct amdvi_model *m, u64 old)
{
	u64 now = m->control;

	if (m->config.rings_stick)
		return;

	bool rise = !(old & C_IOMMU_EN) && (now & C_IOMMU_EN);

	if (!(now & C_IOMMU_EN)) {
		m->status &= ~(S_CMDRUN | S_EVTRUN);
		return;
	}
	if (!(now & C_CMDBUF_EN))
		stop_ring(m, S_CMDRUN);
	else if (rise || !(old & C_CMDBUF_EN)) {
		if (m->head_unknown)
			model_violation("command buffer restarted where an error left its head");
		m->status |= S_CMDRUN;
	}
	if (!(now & C_EVTLOG_EN)) {
		stop_ring(m, S_EVTRUN);
	} else if (rise || !(old & C_EVTLOG_EN)) {
		if (m->stopping & S_EVTRUN)
			model_violation("event log restarted before it had stopped");
		if (!(m->status & S_OVERFLOW))
			m->status |= S_EVTRUN;
	}
}

static void write_control(struct amdvi_model *m, u64 v)
{
	u64 old = m->control, f = m->config.features;

	if (v & ~C_KNOWN)
		model_violation("control bits %#llx", (unsigned long long)(v & ~C_KNOWN));
	if ((v & C_GA_EN) && !(f & AMDVI_MODEL_GA))
		model_violation("GAEn without GASup");
	if ((v & C_XT_EN) && (!(f & AMDVI_MODEL_XT) || !(v & C_GA_EN)))
		model_violation("XTEn without XTSup or GAEn");
	if ((v & C_SMIF) && !(f & AMDVI_MODEL_SMIF))
		model_violation("SmiFEn without SmiFSup");
	if ((v & C_INTCAPXT) && !(v & C_XT_EN))
		model_violation("IntCapXTEn without XTEn");
	if ((old & v & C_IOMMU_EN) && ((old ^ v) & (C_GA_EN | C_XT_EN)))
		model_violation("interrupt entry format changed under an enabled unit");
	if ((v & C_IOMMU_EN) && !(v & C_COHERENT))
		model_violation("enabled with walks that do not snoop");
	m->control = v;
	if ((v & C_IOMMU_EN) && !(old & C_IOMMU_EN)) {
		if (!m->devtab)
			model_violation("enabled without a device table");
		model_adopt_table(m);
	}
	update_run(m, old);
	run_commands(m);
}

static void write_pointer(struct amdvi_model *m, u32 off, u64 v)
{
	bool command = off == R_CMDHEAD || off == R_CMDTAIL;
	u64 base = command ? m->cmdbase : m->evtbase;
	bool running = m->status & (command ? S_CMDRUN : S_EVTRUN);

	if (v % 16 || v >= ring_bytes(base))
		model_violation("pointer %#x set to %#llx, outside its ring", off,
				(unsigned long long)v);
	if (running && (off == R_CMDHEAD || off == R_EVTTAIL))
		model_violation("pointer %#x is the hardware's while it runs", off);
	switch (off) {
	case R_CMDHEAD:
		m->cmdhead = (u32)v;
		m->head_unknown = false;
		break;
	case R_CMDTAIL:
		m->cmdtail = (u32)v;
		m->delay_left = m->config.delay;
		run_commands(m);
		break;
	case R_EVTHEAD:
		m->evthead = (u32)v;
		break;
	case R_EVTTAIL:
		m->evttail = (u32)v;
		break;
	}
}

static void write_base(struct amdvi_model *m, u32 off, u64 v)
{
	bool command = off == R_CMDBASE;

	if (v & 0xf0f0000000000fffull || (v >> 56 & 15) < 8)
		model_violation("ring base %#x set to %#llx", off, (unsigned long long)v);
	if (m->status & (command ? S_CMDRUN : S_EVTRUN))
		model_violation("ring base %#x changed while it runs", off);
	if (command) {
		m->cmdbase = v;
		m->cmdhead = m->cmdtail = 0;
		m->head_unknown = false;
	} else {
		write_event(m);
		m->evtbase = v;
		m->evthead = m->evttail = 0;
	}
}

static u64 *plain_register(struct amdvi_model *m, u32 off)
{
	switch (off) {
	case R_DEVTAB:
		return &m->devtab;
	case R_CMDBASE:
		return &m->cmdbase;
	case R_EVTBASE:
		return &m->evtbase;
	case R_CONTROL:
		return &m->control;
	case R_EXBASE:
		return &m->exbase;
	case R_EXLIMIT:
		return &m->exlimit;
	case R_FEATURES:
		return &m->config.features;
	case R_SMI_FILTER:
	case R_SMI_FILTER + 8:
		return &m->smi[(off - R_SMI_FILTER) / 8];
	case R_XT_GENERAL:
	case R_XT_PPR:
	case R_XT_GA:
		return &m->xt[(off - R_XT_GENERAL) / 8];
	default:
		return NULL;
	}
}

u64 amdvi_model_register(const struct amdvi_model *m, u32 off)
{
	u64 *r = plain_register((struct amdvi_model *)m, off);

	switch (off) {
	case R_CMDHEAD:
		return m->cmdhead;
	case R_CMDTAIL:
		return m->cmdtail;
	case R_EVTHEAD:
		return m->evthead;
	case R_EVTTAIL:
		return m->evttail;
	case R_STATUS:
		return m->status;
	default:
		return r ? *r : 0;
	}
}

void amdvi_model_preset(struct amdvi_model *m, u32 off, u64 v)
{
	u64 *r = plain_register(m, off), old = m->control;

	if (off == R_EVTTAIL)
		m->evttail = (u32)v;
	else if (off == R_STATUS)
		m->status = (u32)v;
	else if (r)
		*r = v;
	else
		fake_fail("no register %#x to preset", off);
	if (off == R_CONTROL)
		update_run(m, old);
	if (m->devtab && model_enabled(m))
		model_load_shadow(m);
}

static u64 mmio_read(void *model, u64 off, u8 width)
{
	struct amdvi_model *m = model;
	u64 v = amdvi_model_register(m, off & ~7u);

	if (width < 4)
		model_violation("register %#llx read by %u bytes", (unsigned long long)off, width);
	if (m->config.head_misreads && (off & ~7u) == R_CMDHEAD)
		v = 0;
	return width == 8 ? v : v >> (off & 4 ? 32 : 0) & 0xffffffff;
}

static void mmio_write(void *model, u64 off, u8 width, u64 v)
{
	struct amdvi_model *m = model;
	u32 reg = off & ~7u;

	if (width < 4)
		model_violation("register %#llx written by %u bytes", (unsigned long long)off,
				width);
	if (width == 4) {
		u64 old = reg == R_STATUS ? 0 : amdvi_model_register(m, reg);

		if (reg == R_DEVTAB && model_enabled(m))
			model_violation("device table base of an enabled unit changed in halves");
		v = off & 4 ? (old & 0xffffffff) | v << 32 : (old & ~0xffffffffull) | (u32)v;
	}
	switch (reg) {
	case R_DEVTAB:
		if (v & 0xfff0000000000e00ull)
			model_violation("device table base %#llx", (unsigned long long)v);
		m->devtab = v;
		if (model_enabled(m))
			model_adopt_table(m);
		break;
	case R_CMDBASE:
	case R_EVTBASE:
		write_base(m, reg, v);
		break;
	case R_CONTROL:
		write_control(m, v);
		break;
	case R_EXBASE:
		if (v & 0xfff0000000000ffcull)
			model_violation("exclusion base %#llx", (unsigned long long)v);
		if (!m->config.exclusion_locked)
			m->exbase = v;
		break;
	case R_EXLIMIT:
		m->exlimit = v;
		break;
	case R_XT_GENERAL:
	case R_XT_PPR:
	case R_XT_GA:
		if (!(m->config.features & AMDVI_MODEL_XT) || (v & 0x00fffe00000000fbull))
			model_violation("interrupt register %#x set to %#llx", reg,
					(unsigned long long)v);
		m->xt[(reg - R_XT_GENERAL) / 8] = v;
		break;
	case R_SMI_FILTER:
	case R_SMI_FILTER + 8:
		if (!(m->config.features & AMDVI_MODEL_SMIF) || (v & ~0x3ffffull))
			model_violation("SMI filter %#x set to %#llx", reg, (unsigned long long)v);
		if (!(m->smi[(reg - R_SMI_FILTER) / 8] & 1ull << 17))
			m->smi[(reg - R_SMI_FILTER) / 8] = v;
		break;
	case R_CMDHEAD:
	case R_CMDTAIL:
	case R_EVTHEAD:
	case R_EVTTAIL:
		write_pointer(m, reg, v);
		break;
	case R_STATUS:
		m->status &= ~(u32)(v & S_W1C);
		break;
	default:
		model_violation("write of %#llx to register %#llx, which is read-only or reserved",
				(unsigned long long)v, (unsigned long long)off);
	}
}

static const struct fake_mmio_ops mmio_ops = {mmio_read, mmio_write};

/* The capability names another window than the IVRS, as some firmware's does. */
static u64 dead_read(void *model, u64 off, u8 width)
{
	model_violation("the register base was taken from the capability, not from the IVRS");
	return ~0ull >> (64 - 8 * width);
}

static void dead_write(void *model, u64 off, u8 width, u64 v)
{
	(void)dead_read(model, off, width);
}

static const struct fake_mmio_ops dead_ops = {dead_read, dead_write};

/* ---- the unit's own PCI function (48882 §3.2, §3.3) ------------------------------------------ */

#define CAP_IOMMU 0x40u
#define CAP_MSI	  0x64u

static u32 pci_dword(struct amdvi_model *m, u16 off)
{
	u64 dead = m->config.registers.v + MIB(1);

	switch (off) {
	case 0x00:
		return 0x14511022;
	case 0x04:
		return 0x00100004;
	case 0x08:
		return 0x08060000;
	case 0x34:
		return CAP_IOMMU;
	case CAP_IOMMU:
		return 0x0f | CAP_MSI << 8 | 3u << 16 | 1u << 19 | 1u << 24 |
		       (u32)m->config.np_cache << 26 | 1u << 27;
	case CAP_IOMMU + 4:
		return (u32)dead | 1;
	case CAP_IOMMU + 8:
		return (u32)(dead >> 32);
	case CAP_IOMMU + 16:
		return m->config.misc;
	case CAP_MSI:
		return 0x05 | (0x80u | m->msi_control) << 16;
	case CAP_MSI + 4:
		return m->msi_address[0];
	case CAP_MSI + 8:
		return m->msi_address[1];
	case CAP_MSI + 12:
		return m->msi_data;
	default:
		return 0;
	}
}

static u32 pci_read(void *model, u16 off, u8 width)
{
	u32 v = pci_dword(model, off & ~3u) >> 8 * (off & 3);

	return width == 4 ? v : v & ((1u << 8 * width) - 1);
}

static void pci_write(void *model, u16 off, u8 width, u32 v)
{
	struct amdvi_model *m = model;

	switch (off) {
	case CAP_MSI + 2:
		m->msi_control = v & 1;
		break;
	case CAP_MSI:
		m->msi_control = v >> 16 & 1;
		break;
	case CAP_MSI + 4:
		m->msi_address[0] = v;
		break;
	case CAP_MSI + 8:
		m->msi_address[1] = v;
		break;
	case CAP_MSI + 12:
		m->msi_data = v;
		break;
	default:
		model_violation("configuration write to %#x of the unit's function", off);
	}
	if ((m->msi_control & 1) && off != CAP_MSI && off != CAP_MSI + 2)
		model_violation("MSI changed while it is enabled");
}

static const struct fake_pci_ops pci_ops = {pci_read, pci_write};

/* ---- life ------------------------------------------------------------------------------------ */

static void *must_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		fake_fail("no host memory for the model");
	return p;
}

struct amdvi_model *amdvi_model_add(const struct amdvi_model_config *config)
{
	struct amdvi_model *m = must_calloc(1, sizeof(*m));

	m->config = *config;
	m->dte = must_calloc(MODEL_RIDS, sizeof(*m->dte));
	m->shadow = must_calloc(MODEL_RIDS, sizeof(*m->shadow));
	m->domain = must_calloc(MODEL_RIDS, sizeof(*m->domain));
	m->irte_shadow = must_calloc(MODEL_SHADOWS, sizeof(*m->irte_shadow));
	/* Left by firmware or reset: nothing to rely on. */
	m->msi_address[1] = 0xdbdbdbdb;
	m->watch = (struct fake_watch){
	    .barrier = on_barrier, .relax = on_relax, .exchange = on_exchange, .model = m};
	fake_watch_add(&m->watch);
	fake_mmio_add(config->registers, R_END, &mmio_ops, m);
	fake_mmio_add(PADDR(config->registers.v + MIB(1)), R_END, &dead_ops, m);
	if (!config->no_function)
		fake_pci_add(config->function, &pci_ops, m);
	m->next = models;
	models = m;
	return m;
}

void amdvi_model_reset(void)
{
	while (models) {
		struct amdvi_model *m = models;

		models = m->next;
		free(m->dte);
		free(m->shadow);
		free(m->domain);
		free(m->irte_shadow);
		free(m);
	}
	violations = 0;
	last_violation[0] = 0;
	relax_hook = NULL;
	model_reset_devices();
}

struct amdvi_model *model_of(struct bdf function)
{
	for (struct amdvi_model *m = models; m; m = m->next)
		if (m->config.function.segment == function.segment &&
		    function.bus >= m->config.first_bus && function.bus <= m->config.last_bus)
			return m;
	fake_fail("no unit for %04x:%02x:%02x.%u", function.segment, function.bus,
		  function.devfn >> 3, function.devfn & 7);
}

struct amdvi_model_config *amdvi_model_config(struct amdvi_model *m)
{
	return &m->config;
}

void amdvi_model_on_relax(void (*f)(void *ctx), void *ctx)
{
	relax_hook = f;
	relax_ctx = ctx;
}

u64 amdvi_model_commands(const struct amdvi_model *m)
{
	return m->ncommands;
}

struct amdvi_model_command amdvi_model_command(const struct amdvi_model *m, u64 n)
{
	if (n >= m->ncommands || m->ncommands - n > MODEL_LOG)
		fake_fail("command %llu is not kept", (unsigned long long)n);
	return m->log[n % MODEL_LOG];
}

u64 amdvi_model_count(const struct amdvi_model *m, enum amdvi_model_opcode opcode)
{
	return m->count[opcode];
}

u32 amdvi_model_interrupts(const struct amdvi_model *m)
{
	return m->interrupts;
}

struct amdvi_model_irq amdvi_model_last_interrupt(const struct amdvi_model *m)
{
	return m->last_interrupt;
}

void amdvi_model_break_command(struct amdvi_model *m, u8 event, u32 times)
{
	amdvi_model_break_command_after(m, 0, event, times);
}

bool amdvi_model_unordered(const struct amdvi_model *m)
{
	return m->unordered;
}

void amdvi_model_break_command_after(struct amdvi_model *m, u32 after, u8 event, u32 times)
{
	m->break_after = after;
	m->break_event = event;
	m->break_times = times;
}
