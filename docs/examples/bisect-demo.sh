#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The whole of docs/bisect.md in one command: makes a git repository of the distribution's KVM with
# eight commits more, the fifth of which is extra-exit.patch under a harmless name, and lets
# `git bisect run` find it.
#
# usage: docs/examples/bisect-demo.sh [DIR]	(a folder to be made; default: a new one in /tmp)

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=${1:-$(mktemp -d /tmp/exitlab-bisect.XXXXXX)}
mkdir -p "$dir/kvm"
export EXITLAB_RESULTS=$dir/records

commit() { # TEXT
	git add -A
	git -c user.name=demo -c user.email=demo@example.invalid commit -q -m "$1"
}

# comment FILE TEXT : a commit that changes nothing
comment() {
	printf '\n/* %s */\n' "$2" >>"$1"
	commit "KVM: $2"
}

cp -r "$("$top/testbed/build-kvm.sh" --print-source)/." "$dir/kvm"
cd "$dir/kvm"
git init -q .
commit "KVM as the distribution has it"
git tag v1
comment arch/x86/kvm/irq.c "Say where pending interrupts are looked for"
comment virt/kvm/eventfd.c "Mention the order of routing updates"
comment arch/x86/kvm/lapic.c "Note which timers need no injection"
comment arch/x86/kvm/svm/avic.c "Point to the manual"
patch -p1 -s <"$here/extra-exit.patch"
commit "KVM: SVM: Do not be late with the next interrupt"
comment arch/x86/kvm/svm/svm.c "Name the fields that are cached"
comment arch/x86/kvm/irq_comm.c "Say who holds the lock"
comment arch/x86/kvm/svm/pmu.c "Point to the manual, again"
git tag v2

git checkout -q v1
"$here/bisect-kvm.sh" --good "$dir/good.baseline"
git bisect start v2 v1
git bisect run "$here/bisect-kvm.sh" "$dir/good.baseline"
git bisect log | tail -n 1
found=$(git rev-parse refs/bisect/bad)
git log -1 --format='found: %s' "$found"
[ "$(git log -1 --format=%s "$found")" = "KVM: SVM: Do not be late with the next interrupt" ]
