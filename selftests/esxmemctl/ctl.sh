# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Running esxmemctl in tests: what it prints goes to $WORK/out and $WORK/err.

# $1 wanted exit status; the rest goes to esxmemctl.
ctl()
{
	local wanted=$1 status=0
	shift
	"$ESXMEMCTL" "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq "$wanted" ] && return 0
	echo "# esxmemctl $*: status $status instead of $wanted"
	cat "$WORK/out" "$WORK/err"
	return 1
}

prints()
{
	grep -qF -- "$1" "$WORK/out" && return 0
	echo "# stdout has no '$1':"
	cat "$WORK/out"
	return 1
}

complains()
{
	grep -qF -- "$1" "$WORK/err" && return 0
	echo "# stderr has no '$1':"
	cat "$WORK/err"
	return 1
}

is_silent()
{
	[ ! -s "$WORK/err" ] && return 0
	echo "# stderr is not empty:"
	cat "$WORK/err"
	return 1
}

# stdout is one JSON text, and each argument, in which it is d, is true.
json_holds()
{
	local expression
	python3 -m json.tool "$WORK/out" >/dev/null || {
		echo "# not JSON:"
		cat "$WORK/out"
		return 1
	}
	for expression in "$@"; do
		python3 - "$WORK/out" "$expression" <<-'PYTHON' || return 1
			import json, sys
			d = json.load(open(sys.argv[1]))
			if not eval(sys.argv[2]):
			    sys.exit(f"# not true: {sys.argv[2]}\n# of {d}")
		PYTHON
	done
}
