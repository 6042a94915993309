#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the lab itself, each in a virtual host of its own.  Prints TAP.
# usage: test_lab.sh [TEST...]
# Takes about five minutes once the debug kernel is built; needs nothing of
# esxmem.
#
# shellcheck disable=SC2317 # the tests are called by name
# shellcheck disable=SC2016 # expansion is for the virtual host's shell

here=$(dirname "$(readlink -f "$0")")
lab=$here/lab
# A virtual host has a /tmp of its own, so what it is to see must be elsewhere.
work=$(mktemp -d /var/tmp/esxmem-lab-test.XXXXXX)
trap 'rm -rf "$work"' EXIT

run()
{
	"$lab" run --no-modules "$@" 2>"$work/stderr"
}

# $1 wanted status; the rest goes to run.
expect_status()
{
	local wanted=$1 status
	shift
	run "$@" >"$work/stdout"
	status=$?
	[ "$status" -eq "$wanted" ] && return 0
	echo "# status $status instead of $wanted; stderr:"
	sed 's/^/#   /' "$work/stderr" | tail -n 20
	return 1
}

stderr_says()
{
	grep -q "$1" "$work/stderr" && return 0
	echo "# stderr does not say '$1'"
	return 1
}

# Builds a module that warns or leaks when it is inserted, for kernel $1.
build_bad_module()
{
	echo "obj-m := labwarn.o" >"$work/Kbuild"
	cat >"$work/labwarn.c" <<-'SOURCE'
		#include <linux/module.h>
		#include <linux/slab.h>

		static bool leak;
		module_param(leak, bool, 0);

		static int __init labwarn_init(void)
		{
			void *lost = kzalloc(99, GFP_KERNEL);

			OPTIMIZER_HIDE_VAR(lost);
			if (!leak)
				kfree(lost);
			WARN(!leak, "on purpose\n");
			return 0;
		}
		module_init(labwarn_init);
		MODULE_DESCRIPTION("Warns or leaks");
		MODULE_LICENSE("GPL");
	SOURCE
	make -s -C "$("$lab" kdir --kernel "$1")" M="$work" clean modules \
		>"$work/make" 2>&1
}

exit_status_passes_through()
{
	expect_status 0 -- true && expect_status 7 -- sh -c 'exit 7' &&
		expect_status 137 -- sh -c 'kill -9 $$' &&
		expect_status 127 -- no-such-command
}

environment_is_set()
{
	expect_status 0 --cpus 2 --env "GREETING=hello  world" -- sh -c \
		'echo "$LAB $LAB_KERNEL $LAB_CPUS $(nproc) $GREETING"; pwd' || return 1
	printf '1 6.12 2 2 hello  world\n%s\n' "$(dirname "$(dirname "$here")")" |
		diff - "$work/stdout" | sed 's/^/# /'
	return "${PIPESTATUS[1]}"
}

arguments_arrive_unchanged()
{
	expect_status 0 -- printf '%s|' "it's" '$HOME' 'a  b' '' '*' || return 1
	[ "$(cat "$work/stdout")" = "it's|\$HOME|a  b||*|" ]
}

binary_output_is_byte_exact()
{
	head -c 300000 /dev/urandom >"$work/noise"
	expect_status 0 -- cat "$work/noise" && cmp "$work/noise" "$work/stdout"
}

large_output_is_byte_exact()
{
	expect_status 0 -- seq -f 'line %.0f of the large output' 300000 &&
		seq -f 'line %.0f of the large output' 300000 |
		cmp - "$work/stdout"
}

stderr_of_the_command_is_kept_in_order()
{
	expect_status 0 -- sh -c 'echo 1; echo 2 >&2; echo 3 >/dev/stdout' &&
		[ "$(tr '\n' ' ' <"$work/stdout")" = "1 2 3 " ]
}

output_arrives_while_the_command_runs()
{
	local before
	run -- sh -c 'echo first; sleep 20; echo last' | {
		read -r _ && before=$(date +%s)
		read -r _ && [ $(($(date +%s) - before)) -ge 10 ]
	}
}

out_directory_is_copied()
{
	expect_status 3 --out "$work/out" -- sh -c \
		'mkdir $LAB_OUT/a; echo x >$LAB_OUT/a/b; head -c 5M /dev/zero >$LAB_OUT/c; exit 3' &&
		[ "$(cat "$work/out/a/b")" = x ] &&
		[ "$(stat -c %s "$work/out/c")" -eq $((5 << 20)) ]
}

repository_takes_writes_that_vanish()
{
	expect_status 0 -- sh -c 'echo x >lab-scratch && rm -r selftests/lab' &&
		[ ! -e "$here/../../lab-scratch" ] && [ -e "$lab" ]
}

repository_in_tmp_is_visible()
{
	local copy status
	copy=$(mktemp -d /tmp/lab-copy.XXXXXX)
	mkdir "$copy/selftests" && cp -r "$here" "$copy/selftests/lab"
	lab=$copy/selftests/lab/lab expect_status 0 -- test -e selftests/lab/lab
	status=$?
	rm -rf "$copy"
	return "$status"
}

processes_left_behind_do_not_hold_up_the_end()
{
	expect_status 4 --timeout 60 -- sh -c 'sleep 1000 & exit 4'
}

disk_is_writable()
{
	truncate -s 64M "$work/disk"
	expect_status 0 --disk "$work/disk" -- sh -c \
		'mkfs.ext4 -q $LAB_DISK && mount $LAB_DISK /mnt && echo kept >/mnt/file' &&
		[ "$(debugfs -R 'cat /file' "$work/disk" 2>/dev/null)" = kept ]
}

host_offers_kvm()
{
	expect_status 0 -- sh -c 'test -c /dev/kvm && grep -qw npt /proc/cpuinfo'
}

kernel_6_1_boots()
{
	expect_status 0 --kernel 6.1 -- uname -r && grep -q '^6\.1\.' "$work/stdout"
}

several_cpus_boot()
{
	expect_status 0 --cpus 4 -- sh -c 'test $(nproc) -eq 4'
}

panic_is_detected()
{
	expect_status 125 -- sh -c 'echo c >/proc/sysrq-trigger' &&
		stderr_says "sysrq triggered crash"
}

allowed_trouble_is_not_counted()
{
	build_bad_module 6.12 &&
		expect_status 0 --allow 'labwarn_init' -- insmod "$work/labwarn.ko"
}

warning_is_detected()
{
	build_bad_module 6.12 &&
		expect_status 125 -- insmod "$work/labwarn.ko" &&
		stderr_says "WARNING: CPU:" && stderr_says "returned 0"
}

debug_kernel_stops_at_a_warning()
{
	build_bad_module debug &&
		expect_status 125 --kernel debug --mem 1024 -- \
			insmod "$work/labwarn.ko" &&
		stderr_says "WARNING: CPU:" && ! stderr_says "returned 0" >/dev/null
}

debug_kernel_finds_leaks()
{
	build_bad_module debug &&
		expect_status 125 --kernel debug --mem 1024 -- \
			insmod "$work/labwarn.ko" leak=1 &&
		stderr_says "new suspected memory leaks" &&
		stderr_says "unreferenced object"
}

debug_kernel_boots_clean()
{
	expect_status 5 --kernel debug --mem 1024 --cpus 2 -- sh -c 'exit 5'
}

# What is printed by a program is no kernel trouble.
kernel_like_output_is_not_trouble()
{
	expect_status 0 -- echo "BUG: Bad page state"
}

timeout_ends_the_run()
{
	"$lab" run --no-modules --timeout 3 -- sleep 1000 2>"$work/stderr" &
	launcher=$!
	wait "$launcher"
	[ $? -eq 124 ] && stderr_says "more than 3 s" && no_qemu_is_left
}

host_that_does_not_boot_is_told_apart()
{
	expect_status 126 --append lab_break=boot -- true &&
		stderr_says "does not come up on request"
}

host_that_vanishes_is_told_apart()
{
	expect_status 126 -- busybox poweroff -f
}

qemu_of()
{
	pgrep -f "qemu-system-x86_64.*esxmem-lab.$1\\."
}

no_qemu_is_left()
{
	local tries
	for tries in $(seq 50); do
		pgrep -f "qemu-system-x86_64.*esxmem-lab.$launcher\\." >/dev/null ||
			return 0
		sleep 0.1
	done
	echo "# QEMU is still there after $tries tries"
	return 1
}

# $1 signal to end the launcher with
launcher_ended_by()
{
	"$lab" run --no-modules -- sleep 1000 2>/dev/null &
	launcher=$!
	for _ in $(seq 100); do
		qemu_of "$launcher" >/dev/null && break
		sleep 0.1
	done
	qemu_of "$launcher" >/dev/null || return 1
	kill "-$1" "$launcher"
	wait "$launcher" 2>/dev/null
	no_qemu_is_left
}

no_qemu_after_kill()
{
	launcher_ended_by KILL
}

no_qemu_nor_workspace_after_term()
{
	launcher_ended_by TERM && ! ls -d "/tmp/esxmem-lab.$launcher".* 2>/dev/null
}

two_hosts_run_at_once()
{
	local first second
	"$lab" run --no-modules -- sh -c 'sleep 5; exit 11' 2>/dev/null &
	first=$!
	"$lab" run --no-modules -- sh -c 'sleep 5; exit 12' 2>/dev/null &
	second=$!
	wait "$first"
	[ $? -eq 11 ] || return 1
	wait "$second"
	[ $? -eq 12 ]
}

misuse_exits_2_with_a_message()
{
	local arguments
	while read -r arguments; do
		# shellcheck disable=SC2086 # words on purpose
		"$lab" $arguments >/dev/null 2>"$work/stderr"
		[ $? -eq 2 ] && [ -s "$work/stderr" ] && continue
		echo "# not refused: lab $arguments"
		return 1
	done <<-'LINES'

		run
		run --kernel 5.10 -- true
		run --cpus 0 -- true
		run --mem much -- true
		run --disk /nonexistent -- true
		run --env =x -- true
		run --no-such-option -- true
		build
		fly
	LINES
}

help_is_good()
{
	"$lab" --help | grep -q "Exit status" && "$lab" run --help | grep -q -- --disk
}

kernel_log_lines_are_told_apart()
{
	"$here/test_klog.py" >"$work/stdout" && return 0
	grep '^#' "$work/stdout"
	return 1
}

tests=(
	misuse_exits_2_with_a_message
	help_is_good
	kernel_log_lines_are_told_apart
	exit_status_passes_through
	environment_is_set
	arguments_arrive_unchanged
	binary_output_is_byte_exact
	large_output_is_byte_exact
	stderr_of_the_command_is_kept_in_order
	output_arrives_while_the_command_runs
	out_directory_is_copied
	repository_takes_writes_that_vanish
	repository_in_tmp_is_visible
	processes_left_behind_do_not_hold_up_the_end
	disk_is_writable
	host_offers_kvm
	kernel_6_1_boots
	several_cpus_boot
	panic_is_detected
	warning_is_detected
	allowed_trouble_is_not_counted
	kernel_like_output_is_not_trouble
	debug_kernel_boots_clean
	debug_kernel_stops_at_a_warning
	debug_kernel_finds_leaks
	timeout_ends_the_run
	host_that_does_not_boot_is_told_apart
	host_that_vanishes_is_told_apart
	no_qemu_after_kill
	no_qemu_nor_workspace_after_term
	two_hosts_run_at_once
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
