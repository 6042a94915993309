#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of esxmemctl against a kernel made of files; needs no module.  Prints
# TAP.
# usage: test_esxmemctl.sh [TEST...]
#
# shellcheck disable=SC2317,SC2329 # the tests are called by name
# shellcheck disable=SC2034 # used by the files with the tests
# shellcheck disable=SC1091 # what is sourced is checked by itself

here=$(dirname "$(readlink -f "$0")")
top=$here/../..
# shellcheck source=tap.sh
. "$here/tap.sh"
# shellcheck source=ctl.sh
. "$here/ctl.sh"
# shellcheck source=fake.sh
. "$here/fake.sh"

tap_need make gcc python3 qemu-system-x86_64 setpriv

WORK=$(mktemp -d /tmp/esxmemctl-test.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
chmod 755 "$WORK"

ESXMEMCTL=$top/tools/esxmemctl/esxmemctl
make -s -C "$top/tools" || tap_bail "esxmemctl does not build"
gcc -shared -fPIC -Wall -Wextra -Werror -I"$top/esxmem" -o "$WORK/fake_dev.so" \
	"$here/fake_dev.c" -ldl || tap_bail "the fake device does not build"

root=$WORK/root
export ESXMEM_TEST_ROOT=$root
mnt=$root/mnt
esx=$root/sys/kernel/esxmem
uid_nobody=65534

# Gives the host a device that answers.
fake_device()
{
	: >"$root/dev/esxmem"
	export LD_PRELOAD=$WORK/fake_dev.so FAKE_LOG=$WORK/merges
	rm -f "$FAKE_LOG"
}

# A QEMU that does what $1, a shell script, says.
fake_qemu()
{
	printf '#!/bin/bash\n%s\n' "$1" >"$WORK/fake-qemu"
	chmod +x "$WORK/fake-qemu"
}

gone()
{
	[ ! -e "$1" ]
}

there()
{
	[ -e "$1" ]
}

ended()
{
	! kill -0 "$1" 2>/dev/null
}

parts=("$here"/tests_*.sh)
for part in "${parts[@]}"; do
	# shellcheck source=/dev/null
	. "$part"
done

TAP_FILES=("${parts[@]}")
tap_run "$@"
