#include "passthrough/virtual.h"
#include "passthrough/pci/bridge.h"

/* A root bus has devices, a link has one: the port at its upper end decides about the rest. */
static enum pci_reach reach(const struct virtual_card *c)
{
	if (!c->pf.has_bridge)
		return PCI_REACH_BUS;
	if (!pci_ext_cap_find(&c->pf.caps, PCI_EXT_ARI) || !pci_bridge_forward_ari(c->pf.bridge))
		return PCI_REACH_SLOT;
	return PCI_REACH_ARI;
}

static int check_free(const struct virtual_card *c, const struct virtual_world *w,
		      struct pci_verdict *v)
{
	for (u16 k = 0; k < c->sriov.count; k++) {
		struct bdf b = pci_sriov_bdf(&c->sriov, k);

		for (u32 i = 0; i < w->n; i++) {
			struct bdf g = w->functions[i].bdf;

			if (g.segment == b.segment && bdf_rid(g) == bdf_rid(b))
				return pci_fail(
				    v, ERR_EXIST,
				    "number %u of them would be %04x:%02x:%02x.%x, which "
				    "is another device",
				    k + 1u, b.segment, b.bus, b.devfn >> 3, b.devfn & 7);
		}
	}
	return OK;
}

int virtual_enable(struct virtual_card *c, const struct virtual_world *w, u32 function, u16 count,
		   struct pci_verdict *v)
{
	u32 parent = w->requesters[function].parent;
	int err;

	*c = (struct virtual_card){.function = function, .first = ~0u};
	c->pf.bdf = w->functions[function].bdf;
	c->pf.has_bridge = parent != NO_FUNCTION;
	if (c->pf.has_bridge)
		c->pf.bridge = w->functions[parent].bdf;
	err = pci_function_read(&c->pf, v);
	if (!err)
		err = pci_sriov_plan(&c->sriov, &c->pf, count, reach(c), v);
	if (!err)
		err = check_free(c, w, v);
	if (!err)
		err = virtual_place(&c->sriov, w, function, v);
	if (err)
		return err;
	err = pci_sriov_enable(&c->sriov);
	return err ? pci_fail(v, err, "its SR-IOV registers do not hold what is written") : OK;
}
