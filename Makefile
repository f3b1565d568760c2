# SPDX-License-Identifier: GPL-2.0
# A thin front: what it calls is in testbed/, tests/ and the program itself.
#
#   make demo     set up everything, run scenarios/demo.yaml, print table and plot
#   make check    set up everything, run all tests
#   make          build build/exitlab
#   make gates    run all regression gates; make baselines writes their baselines anew
#   make paper    run what the papers' tables and figures need (hours), rebuild them, write a report;
#                 make paper-quick: a subset; make paper-from-records: from the records in
#                 plots/paper/records, in seconds, without running anything
#   make bench    what tracing costs an exit: on this machine, by BPF_PROG_TEST_RUN, and in
#                 instructions in the emulated machine (this alone: make bench-emulated)
#   make install  [PREFIX=/usr/local] [DESTDIR=]

BUILD	:= build
PREFIX	?= /usr/local
CC	?= gcc
CLANG	?= clang
VERSION	:= $(shell git describe --always --dirty 2>/dev/null || echo 0.1)

WARN	:= -Wall -Wextra -Werror -Wmissing-prototypes
INCLUDE	:= -Itracer -Ibpf -I. -I$(BUILD)
# The map of paths keeps binaries the same in two build folders.
CFLAGS	?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) $(INCLUDE) -ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
LIBS	:= -lbpf -lelf -lz -ljansson -lyaml -lcrypto -lm
# Only for what never runs inside the emulated host, so not for exitlab-point: numbers (gsl), a screen,
# a web server, giving up privileges, the layout of trace records, compressed ones.
OUTER_LIBS := -lcsv -lgsl -lgslcblas -lncursesw -ltinfo -lmicrohttpd -lcap-ng -ltracecmd -ltracefs -ltraceevent -lzstd

SRC	:= $(sort $(wildcard tracer/*.c tracer/*/*.c analyze/*.c))
OBJ	:= $(SRC:%.c=$(BUILD)/obj/%.o)
INNER	:= $(BUILD)/obj/tracer/point.o
BPF_SRC	:= $(sort $(wildcard bpf/*.bpf.c))
SKEL	:= $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
GUEST	:= $(BUILD)/guest/agent $(BUILD)/guest/netload $(BUILD)/guest/kvmguest \
	   $(BUILD)/guest/timers

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all guest demo check setup gates baselines bench bench-emulated man install clean \
	paper paper-quick paper-from-records paper-save
all: $(BUILD)/exitlab $(BUILD)/exitlab-point guest

$(BUILD)/exitlab: $(OBJ)
	@echo "  LD      $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter-out $(INNER),$(OBJ)) $(OUTER_LIBS) $(LIBS)

# What runs inside the emulated host: of the other files only those that it needs. Exit counts
# belong to its bytes, so a change that is only outside must not reach it; nor a comment, by way of a
# build ID, which is a sum over line numbers too.
$(BUILD)/exitlab-point: $(OBJ)
	@echo "  LD      $@"
	@rm -f $(BUILD)/point.a
	@$(AR) rcD $(BUILD)/point.a $(filter-out $(BUILD)/obj/tracer/main.o $(INNER),$(OBJ))
	@$(CC) $(LDFLAGS) -Wl,--build-id=none -o $@ $(INNER) $(BUILD)/point.a $(LIBS)

$(BUILD)/obj/%.o: %.c | $(SKEL)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The version is not part of the flags of every file: a commit must not rebuild everything, nor
# change the program that goes into the image.
$(BUILD)/obj/tracer/main.o $(BUILD)/obj/tracer/cmd/export.o: ALL_CFLAGS += -DEXITLAB_VERSION='"$(shell cat VERSION)"'

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) $(wildcard tracer/core/*.h)
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	@$(CLANG) -g -O2 -Wall -Werror -target bpf -D__TARGET_ARCH_x86 -Ibpf -Itracer -ffile-prefix-map=$(CURDIR)=. -c -o $@ $<

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@bpftool gen skeleton $< name $*_bpf > $@

# Headers of libtracecmd include each other without their folders.
$(BUILD)/obj/tracer/offline/tracedat.o: ALL_CFLAGS += -isystem /usr/include/tracefs -isystem /usr/include/traceevent

guest: $(GUEST)
$(BUILD)/guest/%: testbed/guest/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -static -s -o $@ $<

setup:
	@testbed/setup.sh

demo: setup
	@testbed/demo.sh

check: setup
	@tests/run.sh

gates: setup all
	@tests/gates.sh $(ARGS)

baselines: setup all
	@tests/gates.sh --update $(ARGS)

paper: setup
	@testbed/paper.sh $(ARGS)

paper-quick: setup
	@testbed/paper.sh --quick $(ARGS)

paper-from-records: $(BUILD)/exitlab
	@$(BUILD)/exitlab paper -o results/paper plots/paper/records >/dev/null

# The records of the scenarios, small enough to be committed.
paper-save: $(BUILD)/exitlab
	@$(BUILD)/exitlab paper --save plots/paper/records $(sort $(dir $(wildcard results/eli-*/*.json results/elvis-*/*.json)))

bench: $(BUILD)/exitlab $(BUILD)/exitlab-point
	@tests/bench/all.sh $(ARGS)

bench-emulated: $(BUILD)/exitlab-point
	@tests/bench/emulated.sh $(ARGS)

MAN	:= $(patsubst man/%.scd,$(BUILD)/man/%,$(sort $(wildcard man/*.scd)))
man: $(MAN)
$(BUILD)/man/%: man/%.scd
	@mkdir -p $(@D)
	@scdoc < $< > $@

DATA	:= $(DESTDIR)$(PREFIX)/share/exitlab
install: all man
	install -D -m 755 $(BUILD)/exitlab $(DESTDIR)$(PREFIX)/bin/exitlab
	install -D -m 755 $(BUILD)/exitlab-point $(DESTDIR)$(PREFIX)/libexec/exitlab/exitlab-point
	mkdir -p $(DATA)
	rm -rf $(DATA)/plots $(DATA)/scenarios $(DATA)/testbed
	cp -r plots scenarios testbed $(DATA)/
	install -D -m 644 completions/exitlab $(DESTDIR)$(PREFIX)/share/bash-completion/completions/exitlab
	mkdir -p $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' systemd/exitlab-exporter.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/exitlab-exporter.service
	for m in $(MAN); do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done

clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d)
