#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs each script of tools/bpftrace around a known load, on a host with the
# module loaded, and compares what it counts with what the kernel counts.
# Prints TAP.
# usage: test_bpftrace.sh [TEST...]
#
# shellcheck disable=SC2317,SC2329 # the tests are called by name
# shellcheck disable=SC1091 # what is sourced is checked by itself

here=$(dirname "$(readlink -f "$0")")
top=$here/../..
# shellcheck source=../esxmemctl/tap.sh
. "$here/../esxmemctl/tap.sh"

tap_need bpftrace python3 qemu-system-x86_64

WORK=$(mktemp -d /tmp/esxmem-bpftrace.XXXXXX)
trap 'rm -rf "$WORK"' EXIT

scripts=$top/tools/bpftrace
mount=/run/esxmem
sysfs=/sys/kernel/esxmem
esxmemctl=$top/tools/esxmemctl/esxmemctl

[ -d "$sysfs" ] || tap_bail "the module esxmem is not loaded"
mountpoint -q "$mount" || tap_bail "$mount is not mounted"
[ -x "$esxmemctl" ] || tap_bail "$esxmemctl is not built"

# The scanner would share pages before the load says so.
was_running=$(cat "$sysfs/share/run")
echo 0 >"$sysfs/share/run"
# The sampler would make it take faults of its own.
was_sampling=$(cat "$sysfs/tax/sample_run")
echo 0 >"$sysfs/tax/sample_run"
trap 'echo "$was_running" >"$sysfs/share/run"
	echo "$was_sampling" >"$sysfs/tax/sample_run"; rm -rf "$WORK"' EXIT

# Shows and refuses lines that look like $1.
has_none()
{
	if grep -E "$@"; then
		return 1
	fi
}

# Runs script $1 while bash runs the file "command" with the arguments behind:
# bpftrace starts it when all probes are attached, and ends when it does.
trace()
{
	local script=$1 status=0
	shift
	# What bpftrace starts must be a program; a script is none.
	bpftrace -c "/bin/bash $WORK/command $*" "$scripts/$script" >"$WORK/trace" 2>&1 ||
		status=$?
	cat "$WORK/trace"
	# A lost event would make sums differ; say so.
	grep -q '^Attaching ' "$WORK/trace" && has_none '^Lost ' "$WORK/trace" &&
		return "$status"
}

# Runs script $1 while the load works on VM $2.
trace_load()
{
	echo "$here/load.py $mount/$2 >$WORK/load" >"$WORK/command"
	trace "$1"
}

# What the load was told, by key.
told()
{
	sed -n "s/^$1=//p" "$WORK/load"
}

# A line of the trace that starts like $1: what is behind it.
traced()
{
	awk -v start="$1" 'index($0, start) == 1 { print substr($0, length(start) + 1) }' \
		"$WORK/trace"
}

# The VM's id is not known beforehand: $1 map, $2 rest of the key.
traced_of_vm()
{
	sed -nE "s/^@$1\[[0-9]+, $2\]: *//p" "$WORK/trace"
}

test_share_rate_counts_what_the_kernel_counts()
{
	trace_load share_rate.bt rate
	[ "$(told zero)" -eq 16 ]
	[ "$(told merged)" -ge 16 ]
	[ "$(traced_of_vm total 'rate, merge')" -eq "$(told merged)" ]
	[ "$(traced_of_vm total 'rate, zero')" -eq "$(told zero)" ]
	[ "$(traced_of_vm total 'rate, hint')" -eq "$(told hint)" ]
	[ "$(traced_of_vm total 'rate, cow')" -eq "$(told cow_breaks)" ]
}

test_share_rate_prints_each_second()
{
	cat >"$WORK/command" <<-COMMAND
		for i in 1 2; do
			$here/load.py $mount/rate >/dev/null || exit
			sleep 3
		done
	COMMAND
	trace share_rate.bt
	[ "$(grep -cE '^[0-9]{2}:[0-9]{2}:[0-9]{2}$' "$WORK/trace")" -ge 2 ]
	# Each load is counted in one of the seconds or in two, and only there.
	local zero=0 part
	while read -r part; do
		zero=$((zero + part))
	done < <(traced '@per_second[zero]: ')
	[ "$zero" -eq 32 ]
}

test_share_rate_shows_scanner_passes()
{
	cat >"$WORK/command" <<-COMMAND
		echo 1 >$sysfs/share/run
		while [ "\$(cat $sysfs/share/full_scans)" -le "\$1" ]; do sleep 0.1; done
		echo 0 >$sysfs/share/run
	COMMAND
	trace share_rate.bt "$(cat $sysfs/share/full_scans)"
	grep -qE '^pass [0-9]+: [0-9]+ pages looked at, [0-9]+ merged, [0-9]+ ms$' "$WORK/trace"
}

test_cow_latency_has_a_histogram_of_every_break()
{
	trace_load cow_latency.bt cows
	[ "$(told cow_breaks)" -ge 32 ]
	traced_of_vm cow cows | grep -q "^count $(told cow_breaks), average [1-9][0-9]*, total "
	# Lines of the histogram: [low, high) count |@@@|
	local sum
	sum=$(awk '/^@cow_ns\[/ { inside = 1; next } /^$/ { inside = 0 }
		inside && match($0, /\) +[0-9]+ \|/) { split(substr($0, RSTART + 1), f, " "); n += f[1] }
		END { print n + 0 }' "$WORK/trace")
	[ "$sum" -eq "$(told cow_breaks)" ]
}

test_fault_latency_counts_every_fault()
{
	trace_load fault_latency.bt faults
	local reads writes
	reads=$(traced_of_vm faults 'faults, read')
	writes=$(traced_of_vm faults 'faults, write')
	[ "$((${reads:-0} + writes))" -eq "$(told faults)" ]
	grep -qE '^@fault_ns\[[0-9]+, faults\]:' "$WORK/trace"
	grep -qE '^@by_state\[hole\]: count [1-9]' "$WORK/trace"
	grep -qE '^@by_state\[zero\]: count [1-9]' "$WORK/trace"
	grep -qE '^@by_state\[shared\]: count [1-9]' "$WORK/trace"
}

# Of 64 pages 16 are touched between the beginning of a period and its end.
test_active_shows_what_a_period_has_seen()
{
	cat >"$WORK/command" <<-COMMAND
		sample=/sys/kernel/debug/esxmem/sample
		truncate -s 256K $mount/active
		echo begin >\$sample
		$here/touch.py $mount/active 16
		echo end >\$sample
		rm $mount/active
	COMMAND
	trace active.bt
	grep -qE ' active: 16 of 64 pages touched \(coarse 0, host 0, zeroed 0, freed 0\), 64 KiB active$' \
		"$WORK/trace"
	[ "$(traced_of_vm active_kib active)" -eq 64 ]
	[ "$(traced_of_vm periods active)" -eq 1 ]
}

# A VM of 64 pages gets its size, and asks in vain for a minimum of as much.
test_targets_shows_changes_and_refusals()
{
	cat >"$WORK/command" <<-COMMAND
		vm=$sysfs/vms/target
		truncate -s 256K $mount/target
		for ((i = 0; i < 3000; i++)); do
			[ "\$(cat \$vm/target_bytes)" -eq 262144 ] && break
			sleep 0.1
		done
		echo 65536 >$sysfs/tax/pool_bytes
		echo 262144 2>/dev/null >\$vm/min_bytes
		echo 0 >$sysfs/tax/pool_bytes
	COMMAND
	trace targets.bt
	rm "$mount/target"
	grep -qE ' target: 0 -> 256 KiB, 0 KiB active, by max$' "$WORK/trace"
	# 64 pages, one for their metadata, and 16.
	grep -qE ' target: refused, needs 324 KiB reserved in all, 64 KiB are unreserved$' \
		"$WORK/trace"
	[ "$(traced_of_vm refused target)" -eq 1 ]
	[ "$(traced '@rebalances: ')" -ge 1 ]
}

# The threshold where soft ends is moved above all memory, and that where it begins;
# then a VM with 16 equal pages is above its target, and gives all but one.
test_states_shows_changes_and_what_was_taken()
{
	cat >"$WORK/command" <<-COMMAND
		vm=$sysfs/vms/state
		truncate -s 256K $mount/state
		$here/touch.py $mount/state 16
		echo 1000 >$sysfs/tax/state_high_pm
		echo 999 >$sysfs/tax/state_soft_pm
		for ((i = 0; i < 3000; i++)); do
			[ "\$(cat \$vm/reclaimed_bytes)" -ge 61440 ] && break
			sleep 0.1
		done
		cat \$vm/reclaimed_bytes >$WORK/told
		echo 40 >$sysfs/tax/state_soft_pm
		echo 60 >$sysfs/tax/state_high_pm
	COMMAND
	trace states.bt
	rm "$mount/state"
	grep -qE ' high -> soft after [0-9]+ ms, [1-9][0-9]* of [1-9][0-9]* KiB free$' \
		"$WORK/trace"
	grep -qE ' soft -> high after [0-9]+ ms, ' "$WORK/trace"
	[ "$(traced '@entries[soft]: ')" -eq 1 ]
	[ "$(traced '@entries[high]: ')" -eq 1 ]
	[ "$(($(traced_of_vm reclaimed_kib state) * 1024))" -eq "$(cat "$WORK/told")" ]
}

# A guest without a disk: its firmware looks for one, and faults enough.
test_ept_faults_counts_a_guest()
{
	[ -w /dev/kvm ] || {
		echo "# there is no /dev/kvm"
		return 1
	}
	cat >"$WORK/command" <<-COMMAND
		vm=$sysfs/vms/bios
		{
			for ((i = 0; i < 3000; i++)); do
				[ "\$(cat \$vm/ept_violations 2>/dev/null || echo 0)" -gt 50 ] && break
				sleep 0.1
			done
			cat \$vm/ept_violations >$WORK/told
			echo quit
		} | $esxmemctl run --name bios -- qemu-system-x86_64 -accel kvm -m 64 \
			-display none -nodefaults -monitor stdio >$WORK/qemu 2>&1
	COMMAND
	trace ept_faults.bt || {
		cat "$WORK/qemu"
		return 1
	}
	local pid faults
	pid=$(sed -nE 's/^@vm\[([0-9]+)\]: bios$/\1/p' "$WORK/trace")
	[ -n "$pid" ]
	faults=$(traced "@ept_faults[$pid]: ")
	# The glue attaches at the first fault and the guest ran on after the
	# figure was read, so the script counts no less than was told then.
	[ "$(cat "$WORK/told")" -gt 50 ]
	[ "$faults" -ge "$(cat "$WORK/told")" ]
	[ "$(traced "@ept_writes[$pid]: ")" -gt 0 ]
	grep -qE "^@by_vcpu\[$pid, .*, 0\]: [1-9]" "$WORK/trace"
}

# What other versions of bpftrace and of the kernel stumble over.
test_scripts_use_base_types_only()
{
	local event
	for event in /sys/kernel/tracing/events/esxmem/*/format; do
		grep -q 'field:' "$event"
		has_none 'field:(enum|struct) ' "$event"
	done
	has_none 'kfunc|rawtracepoint|offsetof|config *=' "$scripts"/*.bt
}

tap_run "$@"
