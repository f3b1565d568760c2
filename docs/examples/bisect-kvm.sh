#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# One step of `git bisect run` in a kernel tree: builds this commit's KVM, runs a scenario on it in the
# emulated testbed, and lets the gate judge. See docs/bisect.md.
#
#   git bisect run .../bisect-kvm.sh BASELINE [SCENARIO]
#   .../bisect-kvm.sh --good BASELINE [SCENARIO]	writes the baseline, on a commit known to be good
#
# Exit status, as git bisect reads it: 0 good; 1 bad; 125 this commit cannot be judged (it does not
# compile, its host does not come up, or the gate cannot decide); 255 something is wrong with the
# set-up, and the bisect stops instead of blaming a commit.
#
#   EXITLAB=DIR       exitlab's source tree (default: the one this script is in)
#   EXITLAB_RESULTS   where records go, a folder per commit (default: /tmp/exitlab-bisect)

set -uo pipefail
top=${EXITLAB:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
good=
[ "${1:-}" != --good ] || { good=y; shift; }
[ $# = 1 ] || [ $# = 2 ] || { echo "usage: bisect-kvm.sh [--good] BASELINE [SCENARIO]" >&2; exit 255; }
baseline=$1 scenario=${2:-$top/docs/examples/bisect-kvm.yaml}
commit=$(git rev-parse --short HEAD) || exit 255
records=${EXITLAB_RESULTS:-/tmp/exitlab-bisect}/$commit

# 1: the source does not compile; anything else is no fault of the commit.
modules=$("$top/testbed/build-kvm.sh" --no-intel --source "$PWD")
case $? in
0) ;;
1) exit 125 ;;
*) exit 255 ;;
esac

# 1: the host did not boot, or its KVM did not work.
"$top/build/exitlab" -q run -j 1 --modules "$modules" -o "$records" "$scenario"
case $? in
0) ;;
1) exit 125 ;;
*) exit 255 ;;
esac

if [ -n "$good" ]; then
	"$top/build/exitlab" baseline -o "$baseline" "$records"/*.json || exit 255
	exit 0
fi
"$top/build/exitlab" check "$baseline" "$records"/*.json
case $? in
0) exit 0 ;;
1) exit 1 ;;
2 | 4) exit 125 ;;
*) exit 255 ;;
esac
