/* The interrupt command register: see ipi.h. */
#include "core/vcpu/ipi.h"

#define ICR_MODE(icr)	   ((icr) >> 8 & 7)
#define ICR_LOGICAL	   (1u << 11)
#define ICR_ASSERT	   (1u << 14)
#define ICR_LEVEL	   (1u << 15)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)

/*
 * Delivery modes each shorthand may have (SDM vol. 3 table 10-3, APM vol. 2 table 16-4), a bit a
 * mode. SMI (2), remote read (3) and ExtINT (7) are in none.
 */
static const u8 modes[4] = {
    [IPI_TO_DEST] = 1 << IPI_FIXED | 1 << IPI_LOWEST | 1 << IPI_NMI | 1 << IPI_INIT | 1 << IPI_SIPI,
    [IPI_TO_SELF] = 1 << IPI_FIXED,
    [IPI_TO_ALL] = 1 << IPI_FIXED,
    [IPI_TO_OTHERS] =
	1 << IPI_FIXED | 1 << IPI_LOWEST | 1 << IPI_NMI | 1 << IPI_INIT | 1 << IPI_SIPI,
};

static int decode(u32 icr, u32 dest, bool x2apic, struct ipi *out)
{
	u8 mode = ICR_MODE(icr), shorthand = ICR_SHORTHAND(icr);

	if (!(modes[shorthand] >> mode & 1))
		return ERR_PERM;
	/* The de-assert message of old APIC buses: accepted, without effect on any x86-64. */
	if (mode == IPI_INIT && icr & ICR_LEVEL && !(icr & ICR_ASSERT))
		return ERR_NOENT;
	if (mode <= IPI_LOWEST && (icr & 0xff) < 16)
		return ERR_INVAL;
	*out = (struct ipi){
	    .mode = mode,
	    .vector = (u8)icr,
	    .shorthand = shorthand,
	    .logical = icr & ICR_LOGICAL,
	    .x2apic = x2apic,
	    .dest = dest,
	};
	return OK;
}

int ipi_decode_x2apic(u64 icr, struct ipi *out)
{
	return decode((u32)icr, (u32)(icr >> 32), true, out);
}

int ipi_decode_xapic(u32 icr_high, u32 icr_low, struct ipi *out)
{
	u32 dest = icr_high >> 24;

	return decode(icr_low, dest == 0xff ? IPI_BROADCAST : dest, false, out);
}
