/*
 * Configuration space registers (PCIe 5.0 ch. 7, PCI Local Bus 3.0 ch. 6): offsets and bits. Those
 * of a capability count from its own start.
 */
#pragma once

#define PCI_CONFIG_SIZE	  4096u
#define PCI_STANDARD_SIZE 256u
#define PCI_HEADER_SIZE	  64u

/* Header, §7.5.1 */
#define PCI_VENDOR		  0x00
#define PCI_DEVICE		  0x02
#define PCI_COMMAND		  0x04
#define PCI_STATUS		  0x06
#define PCI_REVISION		  0x08
#define PCI_CLASS		  0x08 /* dword: class code in bits 31:8 */
#define PCI_CACHE_LINE		  0x0c
#define PCI_LATENCY		  0x0d
#define PCI_HEADER_TYPE		  0x0e
#define PCI_BIST		  0x0f
#define PCI_BAR0		  0x10
#define PCI_SUBVENDOR		  0x2c
#define PCI_SUBDEVICE		  0x2e
#define PCI_ROM			  0x30
#define PCI_CAPABILITIES	  0x34
#define PCI_INTERRUPT_LINE	  0x3c
#define PCI_INTERRUPT_PIN	  0x3d
#define PCI_SECONDARY		  0x19 /* type 1 header */
#define PCI_SUBORDINATE		  0x1a
#define PCI_BRIDGE_MEMORY	  0x20
#define PCI_BRIDGE_PREFETCH	  0x24
#define PCI_BRIDGE_PREFETCH_64	  0x1u /* in the low bits of base and limit */
#define PCI_BRIDGE_PREFETCH_BASE  0x28 /* bits 63:32 */
#define PCI_BRIDGE_PREFETCH_LIMIT 0x2c
#define PCI_BRIDGE_ROM		  0x38
#define PCI_BRIDGE_CONTROL	  0x3e

#define PCI_COMMAND_IO	     0x0001u
#define PCI_COMMAND_MEMORY   0x0002u
#define PCI_COMMAND_MASTER   0x0004u
#define PCI_COMMAND_PARITY   0x0040u
#define PCI_COMMAND_SERR     0x0100u
#define PCI_COMMAND_INTX_OFF 0x0400u
#define PCI_STATUS_INTX	     0x0008u
#define PCI_STATUS_CAPS	     0x0010u
#define PCI_STATUS_ERRORS    0xf900u /* write one to clear */
#define PCI_HEADER_MULTI     0x80u
#define PCI_BRIDGE_RESET     0x0040u

#define PCI_BAR_IO	    0x1u
#define PCI_BAR_TYPE	    0x6u
#define PCI_BAR_64	    0x4u
#define PCI_BAR_PREFETCH    0x8u
#define PCI_BAR_IO_MASK	    (~0x3u)
#define PCI_BAR_MEMORY_MASK (~0xfu)
#define PCI_ROM_ENABLE	    0x1u
#define PCI_ROM_MASK	    0xfffff800u

/* Capability ids, PCI Code and ID Assignment 1.11 §2 and §3 */
#define PCI_CAP_PM	  0x01
#define PCI_CAP_VPD	  0x03
#define PCI_CAP_MSI	  0x05
#define PCI_CAP_PCIX	  0x07
#define PCI_CAP_VENDOR	  0x09
#define PCI_CAP_SUBSYSTEM 0x0d
#define PCI_CAP_EXPRESS	  0x10
#define PCI_CAP_MSIX	  0x11
#define PCI_CAP_SATA	  0x12
#define PCI_CAP_AF	  0x13

#define PCI_EXT_NULL	 0x0000
#define PCI_EXT_AER	 0x0001
#define PCI_EXT_SERIAL	 0x0003
#define PCI_EXT_POWER	 0x0004
#define PCI_EXT_VENDOR	 0x000b
#define PCI_EXT_ACS	 0x000d
#define PCI_EXT_ARI	 0x000e
#define PCI_EXT_ATS	 0x000f
#define PCI_EXT_SRIOV	 0x0010
#define PCI_EXT_PRI	 0x0013
#define PCI_EXT_REBAR	 0x0015
#define PCI_EXT_LTR	 0x0018
#define PCI_EXT_PASID	 0x001b
#define PCI_EXT_DVSEC	 0x0023
#define PCI_EXT_VF_REBAR 0x0024

/* Power Management, PCI PM 1.2 §3.2 */
#define PCI_PM_CAPABILITIES  2
#define PCI_PM_CONTROL	     4
#define PCI_PM_STATE	     0x0003u
#define PCI_PM_D3HOT	     0x0003u
#define PCI_PM_NO_SOFT_RESET 0x0008u
#define PCI_PM_PME_ENABLE    0x0100u
#define PCI_PM_PME_STATUS    0x8000u
#define PCI_PM_PME_SUPPORT   0xf800u

/* MSI, PCI 3.0 §6.8.1 */
#define PCI_MSI_CONTROL	     2
#define PCI_MSI_ENABLE	     0x0001u
#define PCI_MSI_CAPABLE	     0x000eu /* log2 of messages wanted */
#define PCI_MSI_MULTIPLE     0x0070u /* log2 of messages allowed */
#define PCI_MSI_64	     0x0080u
#define PCI_MSI_MASKING	     0x0100u
#define PCI_MSI_ADDRESS	     4
#define PCI_MSI_ADDRESS_HIGH 8
#define PCI_MSI_MAX	     32

/* MSI-X, PCI 3.0 §6.8.2 */
#define PCI_MSIX_CONTROL    2
#define PCI_MSIX_TABLE	    4
#define PCI_MSIX_PBA	    8
#define PCI_MSIX_LENGTH	    12
#define PCI_MSIX_SIZE	    0x07ffu /* of the table, less one */
#define PCI_MSIX_MASK_ALL   0x4000u
#define PCI_MSIX_ENABLE	    0x8000u
#define PCI_MSIX_BIR	    0x7u
#define PCI_MSIX_ENTRY	    16u /* bytes */
#define PCI_MSIX_ENTRY_DATA 8
#define PCI_MSIX_ENTRY_CTRL 12
#define PCI_MSIX_ENTRY_MASK 0x1u

/* PCI Express, §7.5.3 */
#define PCI_EXP_FLAGS	       2
#define PCI_EXP_VERSION	       0x000fu
#define PCI_EXP_TYPE	       0x00f0u /* enum iommu_port's numbers are ours, these the manual's */
#define PCI_EXP_SLOT	       0x0100u
#define PCI_EXP_DEVCAP	       4
#define PCI_EXP_DEVCAP_PHANTOM 0x00000018u
#define PCI_EXP_DEVCAP_FLR     0x10000000u
#define PCI_EXP_DEVCTL	       8
#define PCI_EXP_DEVCTL_ERRORS  0x000fu
#define PCI_EXP_DEVCTL_MPS     0x00e0u
#define PCI_EXP_DEVCTL_MRRS    0x7000u
#define PCI_EXP_DEVCTL_FLR     0x8000u
#define PCI_EXP_DEVSTA	       10
#define PCI_EXP_DEVSTA_PENDING 0x0020u
#define PCI_EXP_LNKCAP	       12
#define PCI_EXP_LNKCTL	       16
#define PCI_EXP_LNKSTA	       18
#define PCI_EXP_DEVCAP2	       36
#define PCI_EXP_DEVCAP2_ARI    0x0020u
#define PCI_EXP_DEVCTL2	       40
#define PCI_EXP_DEVCTL2_ARI    0x0020u
#define PCI_EXP_DEVCTL2_LTR    0x0400u
#define PCI_EXP_LNKCAP2	       44
#define PCI_EXP_LNKCTL2	       48
#define PCI_EXP_LNKSTA2	       50

#define PCI_EXP_TYPE_ENDPOINT	0x0
#define PCI_EXP_TYPE_LEGACY	0x1
#define PCI_EXP_TYPE_ROOT	0x4
#define PCI_EXP_TYPE_UPSTREAM	0x5
#define PCI_EXP_TYPE_DOWNSTREAM 0x6
#define PCI_EXP_TYPE_INTEGRATED 0x9

/* Advanced Features, PCI Advanced Capabilities ECN for Conventional PCI, §6.x */
#define PCI_AF_CAPABILITIES 3
#define PCI_AF_TP	    0x01u
#define PCI_AF_FLR	    0x02u
#define PCI_AF_CONTROL	    4
#define PCI_AF_STATUS	    5

/* Extended capabilities, §7.7 and on */
#define PCI_AER_UNCORRECTABLE_MASK 0x08
#define PCI_AER_SEVERITY	   0x0c
#define PCI_AER_CORRECTABLE_MASK   0x14
#define PCI_ACS_CONTROL		   0x06
#define PCI_LTR_LATENCY		   0x04
#define PCI_REBAR_CAPABILITY	   0x04 /* and every 8 bytes on */
#define PCI_REBAR_CONTROL	   0x08
#define PCI_REBAR_CONTROL_INDEX	   0x00000007u
#define PCI_REBAR_CONTROL_COUNT	   0x000000e0u
#define PCI_REBAR_CONTROL_SIZE	   0x00003f00u /* log2(bytes) - 20 */
#define PCI_SRIOV_CONTROL	   0x08
#define PCI_SRIOV_VFE		   0x0001u
#define PCI_SRIOV_MSE		   0x0008u
#define PCI_SRIOV_ARI		   0x0010u
#define PCI_SRIOV_INITIAL	   0x0c
#define PCI_SRIOV_TOTAL		   0x0e
#define PCI_SRIOV_NUM		   0x10
#define PCI_SRIOV_OFFSET	   0x14
#define PCI_SRIOV_STRIDE	   0x16
#define PCI_SRIOV_VF_DEVICE	   0x1a
#define PCI_SRIOV_PAGES		   0x1c
#define PCI_SRIOV_PAGE_SIZE	   0x20
#define PCI_SRIOV_BAR0		   0x24
