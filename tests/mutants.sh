#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Whether the tests of exitless interrupts can fail: each patch of tests/mutants/eli takes one protection out of
# eli-ref/patches, and the tests that are there for it must fail then. Prints TAP, with the names of all that failed;
# for each mutant about a minute of CPU time for the modules, once, and one for the emulated host.
#
# usage: tests/mutants.sh [NAME[+NAME]...]	(NAME: of a patch, without .patch; needs the testbed: make setup)
# NAME+NAME: these together, in one build and one run, for a look in less time: a test that fails may do so for
# the one or the other.
#
# The head of a patch says what is taken out, and:
#   Run: PROGRAM [SECTION...]	a program of tests/system and the parts of it that are run (see eli.sh)
#   Expect: PATTERN		a test of that name fails; all of them, if there are more such lines
#   Expect: hang		the host's run does not come to its end, within MUTANT_SECONDS (240) of CPU time
# A mutant that hangs the host makes all tests fail, and so has not been met by any of them unless that is expected.
# Console and results stay in build/test-logs/mutants/.

. "$(dirname "${BASH_SOURCE[0]}")/../testbed/lib.sh"
cd "$TOP"
logs=$PWD/build/test-logs/mutants
mkdir -p "$logs"
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(basename -s .patch -a tests/mutants/eli/*.patch)
printf '%s\n' "${names[@]}" | tr + '\n' | while read -r name; do
	[ -f "tests/mutants/eli/$name.patch" ] || die "there is no mutant $name; see tests/mutants/eli"
done

series=(--no-intel --patch eli-ref/patches)
n=0
# failed NAME : the tests that did
failed() { sed -n 's/^not ok [0-9]* - //p' "$logs/$1.tap"; }

# judge NAME : what speaks against its having been met as it should, or nothing
judge() {
	local expect hang='' line met
	if ! grep -q '^1\.\.' "$logs/$1.tap"; then
		echo "the tests did not run, see $logs/$1.err"
		return
	fi
	if ! grep -qE "^ok [0-9]+ - $works" "$logs/$1.tap"; then
		echo "nothing works"
		return
	fi
	! grep -q '^not ok .*the host.s run came to its end' "$logs/$1.tap" || hang=y
	if [ -n "$hang" ] && ! grep -q '^Expect: hang$' "${files[@]}"; then
		echo "the host hangs"
		return
	fi
	while IFS= read -r expect; do
		met=''
		if [ "$expect" = hang ]; then
			met=$hang
		else
			while IFS= read -r line; do
				# shellcheck disable=SC2053  # a pattern
				[[ $line != $expect* ]] || met=y
			done < <(failed "$1")
		fi
		[ -n "$met" ] || { echo "survives: $expect"; return; }
	done < <(sed -n 's/^Expect: //p' "${files[@]}")
}

for name in "${names[@]}"; do
	files=() patches=() more=() sections='' works=''
	for one in ${name//+/ }; do
		files+=("tests/mutants/eli/$one.patch")
		patches+=(--patch "tests/mutants/eli/$one.patch")
		read -r program some < <(sed -n 's/^Run: //p' "tests/mutants/eli/$one.patch")
		sections+=" $some"
	done
	case $program in
	# That the mode as such still works shows in the first of these.
	eli) sections="full-spin off-spin$sections" works="each interrupt of the host ends in one exit" ;;
	eli-offline) more=(--patch tests/system/eli-offline.patch) works="round 1: a CPU went offline" ;;
	*) die "$name: no program $program" ;;
	esac
	base=$(testbed/build-kvm.sh "${series[@]}" "${more[@]}")
	modules=$(testbed/build-kvm.sh "${series[@]}" "${patches[@]}" "${more[@]}")
	(
		# A busy machine is not a hung one: the limit is CPU time.
		ulimit -c 0 -t "${MUTANT_SECONDS:-240}"
		set -f
		# shellcheck disable=SC2086  # several, and patterns
		ELI_MODULES=$base ELI_LAY=$modules ELI_LOG=$logs/$name.log ELI_TIMEOUT=${ELI_TIMEOUT:-3600} \
			"tests/system/$program.sh" $sections >"$logs/$name.tap" 2>"$logs/$name.err" </dev/null
	) || true
	against=$(judge "$name")
	n=$((n + 1))
	all=$(failed "$name" | sed 's/ (.*//' | paste -s -d ';' | sed 's/;/; /g')
	if [ -z "$against" ]; then echo "ok $n - $name: fails: $all"; else
		echo "not ok $n - $name: $against (fails: ${all:-nothing})"
	fi
done
echo "1..$n"
