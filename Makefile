# Caprock. `make help` lists what there is.
#
# Sources are found, not listed: a .c file under a room is pure unless a folder called metal/ or
# host/ is on its path. Each top folder may add its own programs and tests in FOLDER/FOLDER.mk.

SHELL := /bin/bash
# V=1 shows the commands.
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-6s %s\n' '$1' '$@')
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
.SUFFIXES:
# Objects that only a chain of rules needs stay: their dependency files name them as targets.
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

B := build
CC := gcc
CLANG := clang
# `sudo make install` may not read the clone: what was built stays what it is.
VERSION := $(shell git describe --always --dirty 2>/dev/null || cat $B/version 2>/dev/null || echo unknown)

PURE_ROOMS := core iommu passthrough vgpu profiles
PURE := $(sort $(shell find $(wildcard $(PURE_ROOMS)) -name '*.c' -not -path '*/metal/*' -not -path '*/host/*'))
METAL := $(sort $(shell find $(wildcard $(PURE_ROOMS)) \( -name '*.c' -o -name '*.S' \) -path '*/metal/*' -not -path '*/efi/*'))
HOST := $(sort $(shell find $(wildcard $(PURE_ROOMS)) -name '*.c' -path '*/host/*'))

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wshadow \
	-Wno-unused-parameter -Wimplicit-fallthrough
STD := -std=gnu17 -I. -fno-strict-aliasing -fno-common -fwrapv
DEPFLAGS = -MMD -MP

# No libc headers, no vector registers, no red zone: what runs on the metal.
GCC_INCLUDE := $(shell $(CC) -print-file-name=include)
FREESTANDING := -ffreestanding -nostdinc -isystem $(GCC_INCLUDE) -mgeneral-regs-only -mno-red-zone \
	-mcmodel=kernel -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fstack-protector-strong -mstack-protector-guard=global -ffunction-sections -fdata-sections \
	-mindirect-branch=thunk-inline -mfunction-return=keep -fcf-protection=none
METAL_CFLAGS := $(STD) $(WARN) -O2 -g $(FREESTANDING)
# Where the tree lies is not to be seen in what is built of it.
HOST_CFLAGS := $(STD) $(WARN) -O2 -g -ffile-prefix-map=$(CURDIR)=. -D_GNU_SOURCE -fstack-protector-strong -DCAPROCK_VERSION='"$(VERSION)"'
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_CFLAGS := $(STD) $(WARN) -O1 -g -D_GNU_SOURCE $(SAN)
FUZZ_CFLAGS := $(STD) $(WARN) -O1 -g -D_GNU_SOURCE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

# What tells its version is compiled again when that changes.
$(shell mkdir -p $B; echo '$(VERSION)' | cmp -s - $B/version || echo '$(VERSION)' >$B/version)
VERSIONED := $(shell grep -rls --include='*.c' CAPROCK_VERSION $(PURE_ROOMS) viewer)
$(VERSIONED:%.c=$B/host/%.o): $B/version
$B/version:
	@mkdir -p $B
	@echo '$(VERSION)' >$@

PURE_METAL_O := $(PURE:%.c=$B/metal/%.o)
METAL_O := $(patsubst %.S,$B/metal/%.o,$(METAL:%.c=$B/metal/%.o))
PURE_HOST_O := $(PURE:%.c=$B/host/%.o)
HOST_O := $(HOST:%.c=$B/host/%.o)
PURE_SAN_O := $(PURE:%.c=$B/san/%.o)
PURE_FUZZ_O := $(PURE:%.c=$B/fuzz/%.o)
FAKE := $(sort $(shell find tests/fake -name '*.c' 2>/dev/null))
FAKE_SAN_O := $(FAKE:%.c=$B/san/%.o)
FAKE_FUZZ_O := $(FAKE:%.c=$B/fuzz/%.o)
UNIT := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
UNIT_BIN := $(UNIT:tests/unit/%.c=$B/unit/%)
FUZZERS := $(sort $(shell find tests/fuzz -name 'fuzz_*.c' 2>/dev/null))
FUZZ_BIN := $(FUZZERS:tests/fuzz/%.c=$B/fuzz/%)

# Filled by the fragments: programs of `all`, quick and slow tests, benches, Debian packages.
# (DEPS=no on the command line means: install nothing, name what is missing.)
ALL :=
TESTS :=
TESTS_ALL :=
BENCHES :=
PACKAGES := gcc make git python3 clang lld llvm libclang-rt-dev clang-format clang-tidy libcmocka-dev binutils valgrind

.PHONY: all
all: programs

include $(sort $(wildcard $(addsuffix .mk,$(foreach d,core iommu passthrough vgpu viewer profiles tests docs,$d/$d))))

.PHONY: programs deps test test-unit test-all bench fuzz image install install-caprock install-agent install-viewer deb \
	demo help clean format lint rooms
programs: $(ALL)

$B/metal/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(METAL_CFLAGS) $(DEPFLAGS) -c $< -o $@

$B/metal/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(METAL_CFLAGS) $(DEPFLAGS) -D__ASSEMBLY__ -c $< -o $@

$B/host/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HOST_CFLAGS) $(DEPFLAGS) -c $< -o $@

$B/san/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(SAN_CFLAGS) $(DEPFLAGS) -c $< -o $@

$B/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(DEPFLAGS) -c $< -o $@

$B/libpure.a: $(PURE_HOST_O)
$B/libpure-san.a: $(PURE_SAN_O)
$B/libpure-fuzz.a: $(PURE_FUZZ_O)
$B/libfake-san.a: $(FAKE_SAN_O)
$B/libfake-fuzz.a: $(FAKE_FUZZ_O)
$B/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

$B/unit/%: $B/san/tests/unit/%.o $B/libfake-san.a $B/libpure-san.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $< -Wl,--start-group $B/libfake-san.a $B/libpure-san.a -Wl,--end-group $(UNIT_LINK) -lcmocka -o $@

$B/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $B/libfake-fuzz.a $B/libpure-fuzz.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $< -Wl,--start-group $B/libfake-fuzz.a $B/libpure-fuzz.a -Wl,--end-group -o $@

# ---- the rule of the house -----------------------------------------------------------------------

rooms: $(PURE_METAL_O) ## check that pure code stays pure and rooms use only what they may
	@tests/rooms/check.py $B $(PURE_METAL_O)

lint: ## clang-format (dry run) over what git tracks, clang-tidy over the pure rooms
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
	clang-tidy --quiet $(PURE) -- $(STD) -ffreestanding 2>/dev/null

format: ## clang-format over what git tracks
	git ls-files '*.c' '*.h' | xargs clang-format -i

# ---- installation --------------------------------------------------------------------------------
# Three parts, which are also the three Debian packages. Files of /etc that are there are left alone.

DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
LIBDIR := $(PREFIX)/lib/caprock
MANDIR := $(DESTDIR)$(PREFIX)/share/man
DOCDIR := $(DESTDIR)$(PREFIX)/share/doc
PUT := install -D -m 644
PUT_PROGRAM := install -D -m 755
# A file that names others by their installed places: $(call put_placed,FROM,TO)
put_placed = sed -e 's|/usr/lib/caprock|$(LIBDIR)|g' -e 's|/etc/caprock|$(SYSCONFDIR)/caprock|g' $1 | $(PUT) /dev/stdin '$(DESTDIR)$2'
# A file people change: $(call put_config,FROM,TO)
put_config = if [ -e '$(DESTDIR)$2' ]; then echo 'kept: $(DESTDIR)$2'; else $(PUT) $1 '$(DESTDIR)$2'; fi

install: install-caprock install-agent install-viewer ## install all three parts below DESTDIR and PREFIX (/usr/local)

install-caprock: $B/caprock $(HV) $(EFI) $(MAN) $B/caprock-completion.bash ## the tool, the hypervisor, examples
	$(Q)$(PUT_PROGRAM) $B/caprock '$(DESTDIR)$(PREFIX)/bin/caprock'
	$(Q)$(PUT) -t '$(DESTDIR)$(LIBDIR)' $(HV) $(EFI)
	$(Q)$(PUT) $B/caprock-completion.bash '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/caprock'
	$(Q)$(PUT) -t '$(MANDIR)/man1' $(filter %.1,$(MAN)) docs/caprock-probe.1
	$(Q)$(PUT) -t '$(MANDIR)/man5' $(filter %.5,$(MAN))
	$(Q)$(PUT) -t '$(DOCDIR)/caprock' $(wildcard docs/*.md)
	$(Q)$(PUT) -t '$(DOCDIR)/caprock/examples' profiles/examples/*.yaml
	$(Q)$(PUT) -t '$(DOCDIR)/caprock/examples/machines' profiles/examples/machines/*.yaml

install-agent: $B/caprock-agent $B/caprock-auth $B/caprock-seat ## the streaming agent, its helpers and units
	$(Q)$(PUT_PROGRAM) -t '$(DESTDIR)$(LIBDIR)' $^
	$(Q)mkdir -p '$(DESTDIR)$(PREFIX)/bin'
	$(Q)ln -sfn ../lib/caprock/caprock-agent '$(DESTDIR)$(PREFIX)/bin/caprock-agent'
	$(Q)$(call put_placed,viewer/dist/caprock-agent.service,$(PREFIX)/lib/systemd/user/caprock-agent.service)
	$(Q)$(call put_placed,viewer/dist/caprock-seat@.service,$(PREFIX)/lib/systemd/system/caprock-seat@.service)
	$(Q)$(PUT) viewer/dist/sysctl.conf '$(DESTDIR)$(PREFIX)/lib/sysctl.d/60-caprock.conf'
	$(Q)$(PUT) viewer/dist/modules-load.conf '$(DESTDIR)$(PREFIX)/lib/modules-load.d/caprock.conf'
	$(Q)$(call put_config,viewer/dist/agent.conf,$(SYSCONFDIR)/caprock/agent.conf)
	$(Q)$(call put_config,viewer/dist/pam,$(SYSCONFDIR)/pam.d/caprock)
	$(Q)$(PUT) -t '$(MANDIR)/man1' docs/caprock-agent.1
	$(Q)ln -sfn caprock-agent.1 '$(MANDIR)/man1/caprock-seat.1'
	$(Q)$(PUT) -t '$(DOCDIR)/caprock-agent' docs/streaming.md docs/protocol.md

install-viewer: $B/caprock-viewer ## the viewer
	$(Q)$(PUT_PROGRAM) -t '$(DESTDIR)$(PREFIX)/bin' $<
	$(Q)$(PUT) -t '$(MANDIR)/man1' docs/caprock-viewer.1

# ---- commands ------------------------------------------------------------------------------------

deps: ## install what is missing (says what and from where first; DEPS=no only names it)
	@tests/deps.sh "$(DEPS)" $(sort $(PACKAGES))

test-unit: $(UNIT_BIN)
	@tests/run $(UNIT_BIN)

test: deps ## the tests: unit, emulator, tools (under 25 minutes on 2 cores)
	@$(MAKE) --no-print-directory test-built

.PHONY: test-built test-all-built
test-built: programs rooms $(UNIT_BIN) $(filter $B/%,$(TESTS))
	@tests/run $(UNIT_BIN) $(TESTS)

test-all: deps ## also the slow suites
	@$(MAKE) --no-print-directory test-all-built

test-all-built: programs rooms $(UNIT_BIN) $(filter $B/%,$(TESTS) $(TESTS_ALL))
	@tests/run $(UNIT_BIN) $(TESTS) $(TESTS_ALL)

FUZZ_S ?= 60
fuzz: $(FUZZ_BIN) ## run every fuzz target for FUZZ_S seconds (default 60)
	@tests/fuzz/run.sh $(FUZZ_S) $(FUZZ_BIN)

bench: ## all benches, one `name value unit` a line
	@$(MAKE) --no-print-directory $(BENCHES)

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

clean: ## remove build/
	rm -rf $B

-include $(shell find $B -name '*.d' -type f 2>/dev/null)
