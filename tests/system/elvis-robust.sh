#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Sidecores and guests that change their minds, die or lie, in the emulated host (L1): what arrives is
# counted and compared byte by byte, other guests are unharmed, the stock modules do the same, nothing is
# left behind. A guest here is a process that drives /dev/vhost-net itself (elvis-rings.c), or a virtual
# machine of a dozen instructions. Prints TAP.
#
# usage: tests/system/elvis-robust.sh [MODULES [PART...]]	(needs the testbed: make setup)
#
# MODULES: a folder with vhost.ko and vhost_net.ko; default: built from elvis-ref/patches
# KILLS: how many processes are killed, and how many virtual machines (default 100)
# PART: parity kernel evil actions kill scsi policy queue switch cores rcu; default: all

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/modules.sh"
cd "$TOP"
mods=${1:-$(testbed/build-kvm.sh --vhost --no-intel --patch elvis-ref/patches)}
shift $(($# > 0))
parts=${*:-parity kernel evil actions kill scsi policy queue switch cores rcu}
l1_open
gcc -std=gnu11 -O2 -static -s -Wall -Wextra -Werror -o "$L1_WORK/elvis-rings" \
	tests/system/elvis-rings.c tests/system/elvis-evil.c tests/system/elvis-scsi.c tests/system/rings.c
l1_put "$L1_WORK/elvis-rings"
l1_put build/exitlab
l1_put "$(tests/system/elvis-virtio.sh)/vhost_net_test"
install -D -t "$L1_WORK/root/elvis" -m 644 "$mods"/vhost.ko "$mods"/vhost_net.ko "$mods"/vhost_scsi.ko
# What vhost-scsi needs and the image does not have, in the order of loading.
kernel=$(testbed/build-kernel.sh ${EXITLAB_HOST_KERNEL:+"$EXITLAB_HOST_KERNEL"})
depends_of "$kernel" vhost_scsi | while read -r m; do
	case ${m##*/} in
	vhost.ko | vhost_iotlb.ko) continue ;;
	vhost_scsi.ko) install -D -t "$L1_WORK/root/elvis/stock" -m 644 "$m" ;;
	*) install -D -t "$L1_WORK/root/elvis" -m 644 "$m" && echo "${m##*/}" ;;
	esac
done >"$L1_WORK/root/elvis/modules"
{ echo "parts='$parts'; kills=${KILLS:-100}"; cat tests/system/elvis-robust-l1.sh; } |
	l1_run -accel tcg,thread=single -icount shift=0,sleep=off,quantum=20000 -smp 4
if [ -n "${KEEP_LOG:-}" ]; then cp "$L1_WORK/text" "$KEEP_LOG"; fi
python3 tests/system/elvis-robust.py "$L1_WORK/text" "$parts"
