#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the KUnit runner, with suites of their own.  Prints TAP.
# usage: test_run.sh [TEST...]
#
# shellcheck disable=SC2317 # the tests are called by name

here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d /var/tmp/esxmem-kunit-test.XXXXXX)
trap 'rm -rf "$work"' EXIT

# $1 body of a case: makes a checkout whose only module has that case.
make_checkout()
{
	mkdir -p "$work/esxmem"
	touch "$work/Makefile"
	cat >"$work/Kbuild" <<-'KBUILD'
		obj-m := esxmem_kunit.o
		esxmem_kunit-y := esxmem/suite.o
	KBUILD
	cat >"$work/esxmem/suite.c" <<-SOURCE
		#include <kunit/test.h>
		#include <linux/delay.h>
		#include <linux/module.h>

		static void passes(struct kunit *test)
		{
			KUNIT_EXPECT_TRUE(test, true);
		}

		static void special(struct kunit *test)
		{
			$1;
		}

		static struct kunit_case cases[] = {
			KUNIT_CASE(passes), KUNIT_CASE(special), {},
		};

		static struct kunit_suite suite = {
			.name = "runner",
			.test_cases = cases,
		};
		kunit_test_suite(suite);
		MODULE_DESCRIPTION("Tests the KUnit runner");
		MODULE_LICENSE("GPL");
	SOURCE
}

# $1 wanted status; the rest goes to the runner.
expect_status()
{
	local wanted=$1 status
	shift
	"$here/run" --repo "$work" "$@" >"$work/stdout" 2>"$work/stderr"
	status=$?
	[ "$status" -eq "$wanted" ] && return 0
	echo "# status $status instead of $wanted"
	sed 's/^/#   /' "$work/stdout" "$work/stderr" | tail -n 20
	return 1
}

stdout_says()
{
	grep -q -e "$1" "$work/stdout" && return 0
	echo "# stdout does not say '$1'"
	return 1
}

success_is_reported()
{
	make_checkout 'KUNIT_EXPECT_EQ(test, 1, 1)'
	expect_status 0 && stdout_says '^1\.\.1$' && stdout_says '^ok 1 runner' &&
		stdout_says 'passed 2, failed 0'
}

failure_is_reported()
{
	make_checkout 'KUNIT_EXPECT_EQ(test, 1, 2)'
	expect_status 1 && stdout_says '^not ok 1 runner' &&
		stdout_says '^    not ok 2 special'
}

no_case_is_a_failure()
{
	make_checkout 'KUNIT_EXPECT_EQ(test, 1, 1)'
	expect_status 1 --filter 'nothing*'
}

filter_selects_cases()
{
	make_checkout 'KUNIT_EXPECT_EQ(test, 1, 2)'
	expect_status 0 --filter 'runner.passes'
}

skip_alone_is_a_failure()
{
	make_checkout 'kunit_skip(test, "nothing here")'
	expect_status 1 --filter 'runner.special'
}

warning_is_a_failure()
{
	make_checkout 'WARN_ON(1)'
	expect_status 1 && stdout_says '^Bail out!'
}

oops_is_a_failure()
{
	make_checkout '*(volatile int *)8 = 0'
	expect_status 1
}

hang_ends_with_the_time_limit()
{
	make_checkout 'while (1) msleep(10)'
	expect_status 126 --timeout 5
}

build_error_is_told_apart()
{
	make_checkout 'no_such_function()'
	expect_status 126 && grep -q no_such_function "$work/stderr"
}

misuse_exits_2()
{
	expect_status 2 --no-such-option
}

kernels_of()
{
	pgrep -f "initrd=/tmp/esxmem-lab\\.$1\\."
}

nothing_is_left_when_the_runner_is_killed()
{
	local runner
	make_checkout 'while (1) msleep(10)'
	"$here/run" --repo "$work" >/dev/null 2>&1 &
	runner=$!
	for _ in $(seq 300); do
		kernels_of "$runner" >/dev/null && break
		sleep 0.1
	done
	kernels_of "$runner" >/dev/null || return 1
	sleep 1
	kill -KILL "$runner"
	wait "$runner" 2>/dev/null
	sleep 1
	! kernels_of "$runner"
}

tests=(
	misuse_exits_2
	success_is_reported
	failure_is_reported
	no_case_is_a_failure
	filter_selects_cases
	skip_alone_is_a_failure
	warning_is_a_failure
	oops_is_a_failure
	hang_ends_with_the_time_limit
	build_error_is_told_apart
	nothing_is_left_when_the_runner_is_killed
)

[ $# -gt 0 ] && tests=("$@")
failed=0
number=0
echo "TAP version 13"
echo "1..${#tests[@]}"
for name in "${tests[@]}"; do
	number=$((number + 1))
	if "$name"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=1
	fi
done
exit $failed
