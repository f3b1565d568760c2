#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Guests' disks on vhost-scsi, sizes of rings and NUMA nodes, with elvis-ref's patches in the emulated testbed:
# fio, the guest's driver, the host's SCSI target, perf events, the tracer and vhost's sidecores must all have
# counted the same; data must be what was written while polling is switched on and off under load; devices must
# be served by the core of their guest's node. Builds the modules first. Prints TAP; about 8 minutes.
#
# usage: tests/system/elvis-block.sh [PART...]	(needs the testbed: make setup; ELVIS_MODULES=DIR: built already)
#
# PART: block ring numa verify; default: all.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
cd "$TOP"
parts=${*:-block ring numa verify}
mods=${ELVIS_MODULES:-$(testbed/build-kvm.sh --vhost --no-intel --patch eli-ref/patches --patch elvis-ref/patches)}
l1_open
for s in $parts; do
	if [ "$s" != verify ]; then
		build/exitlab run -o "$L1_WORK/records/$s" --modules "$mods" "scenarios/elvis-$s.yaml" >&2
		continue
	fi
	L1_IMAGES=$(testbed/build.sh --modules "$mods" "$PWD/build/exitlab-point" | sed -n 's/^images //p')
	l1_run -accel tcg,thread=single -icount shift=0,sleep=off,quantum=20000 -smp 3 <tests/system/elvis-block-l1.sh
	if [ -n "${KEEP_LOG:-}" ]; then cp "$L1_WORK/text" "$KEEP_LOG"; fi
done
if [ -n "${KEEP_RECORDS:-}" ]; then cp -r "$L1_WORK/records" "$KEEP_RECORDS"; fi
python3 tests/system/elvis-block.py "$L1_WORK" "$parts"
