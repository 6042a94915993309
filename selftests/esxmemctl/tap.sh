# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# TAP for tests in bash.  A script sources this, defines functions named
# test_*, and ends with `tap_run "$@"`.  Each test runs in a shell of its own
# with errexit: the first command that fails ends it, and is named.

# Ends the whole script: without $1 nothing can be tested.
tap_bail()
{
	echo "Bail out! $1"
	exit 1
}

tap_need()
{
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || tap_bail "$tool is not installed"
	done
}

# Waits until a command succeeds.  The limit only keeps a broken test from
# hanging; it says nothing about how fast anything should be.
wait_until()
{
	local i
	for ((i = 0; i < 1200; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "# never happened: $*"
	return 1
}

tap_one()
{
	set -eE -o pipefail
	trap 'echo "# line $LINENO: $BASH_COMMAND" >&2' ERR
	"$1"
}

# Runs the tests named, or all in the order in which they are written: in this
# script, or in the files of TAP_FILES.
tap_run()
{
	local tests=("$@") number=0 failed=0 status name
	if ((!$#)); then
		mapfile -t tests < <(grep -ohE '^test_[a-z0-9_]+' "${TAP_FILES[@]:-$0}")
	fi
	echo "TAP version 13"
	echo "1..${#tests[@]}"
	for name in "${tests[@]}"; do
		number=$((number + 1))
		# No condition around it: that would switch errexit off inside.
		(tap_one "$name") >"$WORK/log" 2>&1 </dev/null
		status=$?
		if ((status)); then
			failed=$((failed + 1))
			echo "not ok $number - ${name#test_}"
			sed 's/^#* */# /' "$WORK/log"
		else
			echo "ok $number - ${name#test_}"
		fi
	done
	((failed == 0))
}
