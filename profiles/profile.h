/*
 * What people write: a site and its workstations, as structs. profiles/language.c has the table of
 * keys for each; profiles/resolve.h makes wishes for the planner of it.
 *
 * Everything belongs to whoever parsed it.
 */
#pragma once

#include "profiles/address.h"
#include "profiles/schema.h"

#define SLOT_ANY 0xffu

struct number_list {
	u32 n;
	const u32 *v;
};

struct display_mode {
	u32 width, height, hz; /* width 0: none asked for */
};

/* Kinds of functions people ask for by class; the order is that of wish_classes. */
enum wish_class {
	CLASS_ANY,
	CLASS_DISPLAY,
	CLASS_AUDIO,
	CLASS_NETWORK,
	CLASS_STORAGE,
	CLASS_NVME,
	CLASS_USB,
};

enum wish_functions { FUNCTIONS_ONE, FUNCTIONS_ALL };

struct wish_device {
	struct parsed p;
	struct pci_address address;
	struct pci_ids ids;
	u32 class;     /* enum wish_class */
	u64 serial;    /* 0: any */
	u32 functions; /* enum wish_functions */
	struct wish_device *any_of;
	u32 nany_of;
	const char *rom; /* file or NULL */
	u32 slot;	 /* devfn or SLOT_ANY */
	bool keep_reserved;
	const char *peer_to_peer; /* "no", "own" or a workstation's name */
	u32 virtual_functions;
};

struct profile_head {
	struct parsed p;
	const char *output;
	struct display_mode mode;
	const char *edid; /* file or NULL */
};

struct profile_stream {
	struct parsed p;
	u32 port, effort, viewers, idle_minutes;
	u32 security; /* index into stream_security */
};

enum profile_role { ROLE_DESK, ROLE_SERVICE };

struct profile {
	struct parsed p;
	const char *name;
	u32 role; /* enum profile_role */
	u32 cores;
	struct number_list processors;
	const char *near; /* "gpu", "any" or a node's number */
	u64 memory;
	const char *kernel, *initrd, *command_line;
	u32 boot; /* enum plan_boot_kind */
	bool autostart, console;
	struct wish_device *devices;
	u32 ndevices;
	struct profile_head *heads;
	u32 nheads;
	u8 uuid[16];
	const char *serial;
	struct profile_stream stream;
};

struct site_hypervisor {
	struct parsed p;
	u32 log; /* enum log_level */
};

struct site_emulator {
	struct parsed p;
	u32 cores, threads;
	u64 memory;
};

struct site {
	struct parsed p;
	const char *machine; /* file, NULL: the emulator's */
	struct profile *workstations;
	u32 nworkstations;
	struct site_hypervisor hypervisor;
	struct site_emulator emulator;
};

extern const struct schema schema_site, schema_hypervisor, schema_emulator, schema_workstation,
    schema_device, schema_head, schema_stream;

/* All of them, outermost first, NULL-terminated: for help and documentation. */
extern const struct schema *const schemas[];

extern const char *const wish_classes[], *const stream_security[];
