# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by who sources this
# shellcheck disable=SC2016 # a backquote in a message
#
# Tests of esxmemctl: run, from reading a command line to ending processes.

# --- run: reading QEMU's command line ---

# $1 wanted bytes, the rest QEMU's arguments.
dry_run_has_size()
{
	local bytes=$1
	shift
	ctl 0 run --name vm2 --dry-run -- qemu-system-x86_64 "$@"
	prints "-object memory-backend-file,id=esxmem-ram,size=$bytes,mem-path=$mnt/vm2,share=on,align=2M -machine memory-backend=esxmem-ram"
	gone "$mnt/vm2"
}

test_run_reads_m_in_all_its_forms()
{
	fake_host "$root"
	dry_run_has_size 134217728
	dry_run_has_size 134217728 -m 0
	dry_run_has_size 134217728 -m slots=2,maxmem=4G
	dry_run_has_size 536870912 -m 512
	dry_run_has_size 536870912 -m 512M
	dry_run_has_size 536870912 -m 0x200
	dry_run_has_size 4294967296 -m 4G
	dry_run_has_size 4294967296 -m 4g
	dry_run_has_size 4294967296 --m 4G
	dry_run_has_size 4294967296 -m size=4G
	dry_run_has_size 4294967296 -m size=4096,slots=2,maxmem=8G
	dry_run_has_size 4294967296 -m slots=2,size=4G,maxmem=8G
	dry_run_has_size 1610612736 -m 1.5G
	dry_run_has_size 2147483648 -m 1G -m 2G
	dry_run_has_size 2147483648 -m 2G -m slots=2,maxmem=4G
	dry_run_has_size 1032192 -m 1001K
}

test_run_knows_options_from_their_arguments()
{
	fake_host "$root"
	dry_run_has_size 134217728 -append -m -nographic
	dry_run_has_size 1073741824 -nographic -m 1G
	dry_run_has_size 1073741824 -S -enable-kvm -snapshot disk.img -m 1G
	dry_run_has_size 134217728 -kernel vmlinuz -append 'mem-path -m 3'
	dry_run_has_size 134217728 -name -mem-path
}

# $1 what is said, the rest QEMU's arguments.
run_refuses()
{
	local said=$1
	shift
	ctl 2 run --name vm2 -- qemu-system-x86_64 "$@"
	complains "$said"
	gone "$mnt/vm2"
}

test_run_refuses_other_memory()
{
	fake_host "$root"
	run_refuses '-mem-path /x' -mem-path /x
	run_refuses '-mem-path /x' --mem-path /x
	run_refuses 'names a memory backend' -machine q35,memory-backend=r
	run_refuses 'names a memory backend' -M memory-backend=r
	run_refuses 'use -m instead' -machine q35,memory.size=4G
	run_refuses 'leave memdev= out' -numa node,memdev=r
	run_refuses 'memory of its own' -object memory-backend-ram,id=r,size=1G
	run_refuses 'memory of its own' -object '{"qom-type":"memory-backend-ram","id":"r"}'
	run_refuses 'take another' -object rng-random,id=esxmem-ram
	run_refuses 'cannot read the memory size' -m huge
	run_refuses 'cannot read the memory size' -m 99999999999G
	run_refuses 'give it with -m' -readconfig vm.cfg
	dry_run_has_size 1073741824 -readconfig vm.cfg -m 1G
}

test_run_allows_memory_of_devices()
{
	fake_host "$root"
	dry_run_has_size 134217728 -object memory-backend-ram,id=d1,size=1G \
		-device pc-dimm,memdev=d1
	dry_run_has_size 134217728 -object memory-backend-ram,id=d1,size=1G \
		-device '{"driver":"pc-dimm","memdev":"d1"}'
	dry_run_has_size 134217728 -object rng-random,id=r -numa node,nodeid=0
	run_refuses 'memory of its own' -device pc-dimm,memdev=d2 \
		-object memory-backend-ram,id=d1,size=1G
}

test_run_dry_quotes_for_the_shell()
{
	fake_host "$root"
	ctl 0 run --dry-run -- "$WORK/a qemu" -append "it's \$HOME" ''
	eval "set -- $(cat "$WORK/out")"
	[ "$1" = "$WORK/a qemu" ]
	[ "$3" = "it's \$HOME" ]
	[ -z "$4" ]
	[[ $6 =~ mem-path=.*/vm-[0-9]+, ]]
}

test_run_doubles_commas_of_the_path()
{
	fake_host "$root"
	fake_mounts "$root" "$root/a,b"
	ctl 0 run --dry-run --name vm2 -- qemu
	prints "mem-path=$root/a,,b/vm2,share=on"
}

test_run_refuses_bad_words()
{
	fake_host "$root"
	ctl 2 run
	complains 'behind --'
	ctl 2 run --name a/b -- qemu
	ctl 2 run --group 'a b' -- qemu
	ctl 1 run --mount /tmp -- qemu
}

# --- run: processes ---

test_run_returns_the_exit_status()
{
	fake_host "$root"
	fake_qemu "[ -s $mnt/vm2 ] && exit 7; exit 99"
	ctl 7 run --name vm2 -- "$WORK/fake-qemu" -m 4M
	gone "$mnt/vm2"
	# shellcheck disable=SC2016 # for the script
	fake_qemu 'kill -KILL $$'
	ctl 137 run --name vm2 -- "$WORK/fake-qemu"
	gone "$mnt/vm2"
}

test_run_leaves_nothing_when_qemu_is_missing()
{
	fake_host "$root"
	ctl 1 run --name vm2 -- "$WORK/no-such-qemu"
	complains "cannot run '$WORK/no-such-qemu': No such file"
	gone "$mnt/vm2"
}

test_run_refuses_an_existing_file()
{
	fake_host "$root"
	fake_qemu 'exit 0'
	ctl 1 run --name web1 -- "$WORK/fake-qemu"
	complains 'exists'
	there "$mnt/web1"
}

test_run_keep_keeps_the_file()
{
	fake_host "$root"
	fake_qemu 'exit 0'
	ctl 0 run --keep --name vm2 -- "$WORK/fake-qemu" -m 8
	[ "$(stat -c %s "$mnt/vm2")" -eq 8388608 ]
}

test_run_spares_a_file_made_anew()
{
	fake_host "$root"
	fake_qemu "mv $mnt/vm2 $mnt/old; echo new >$mnt/vm2"
	ctl 0 run --name vm2 -- "$WORK/fake-qemu"
	[ "$(cat "$mnt/vm2")" = new ]
}

test_run_joins_the_group_before_qemu_starts()
{
	fake_host "$root"
	fake_vm "$root" vm2
	fake_qemu "grep -qx blue '$esx/vms/vm2/group'"
	ctl 0 run --name vm2 --group blue -- "$WORK/fake-qemu"
	ctl 1 run --name vm3 --group blue -- "$WORK/fake-qemu"
	complains "cannot put 'vm3' into group 'blue'"
	gone "$mnt/vm3"
}

test_run_gives_parameters_before_qemu_starts()
{
	fake_host "$root"
	fake_vm "$root" vm2 size_bytes=0 min_bytes=0
	fake_qemu "cd '$esx/vms/vm2' && cat min_bytes max_bytes shares tax_percent >'$WORK/params'"
	ctl 0 run --name vm2 --min 1G --max 2G --shares 7 --tax 0 -- "$WORK/fake-qemu" -m 4G
	[ "$(tr '\n' ' ' <"$WORK/params")" = '1073741824 2147483648 7 0 ' ]
	gone "$mnt/vm2"
	# -m decides what fits.
	ctl 2 run --name vm2 --min 1G -- "$WORK/fake-qemu" -m 512M
	complains "--min cannot be more than the VM's size of 512M"
	ctl 2 run --name vm2 --tax 100 -- "$WORK/fake-qemu"
	gone "$mnt/vm2"
}

# Starts run with a QEMU that notes signals and waits; sets $pid and $qemu.
start_waiting_qemu()
{
	fake_qemu "trap 'echo TERM >>$WORK/signals; exit 3' TERM
		trap 'echo USR1 >>$WORK/signals' USR1
		echo \$\$ >$WORK/qemu.pid
		while [ -d $WORK ]; do sleep 0.1; done"
	rm -f "$WORK/qemu.pid" "$WORK/signals"
	"$ESXMEMCTL" run --name vm2 -- "$WORK/fake-qemu" &
	pid=$!
	wait_until test -s "$WORK/qemu.pid"
	qemu=$(cat "$WORK/qemu.pid")
}

test_run_passes_signals_on()
{
	fake_host "$root"
	start_waiting_qemu
	there "$mnt/vm2"
	kill -USR1 "$pid"
	wait_until grep -qs USR1 "$WORK/signals"
	kill -TERM "$pid"
	local status=0
	wait "$pid" || status=$?
	[ "$status" -eq 3 ]
	[ "$(tr '\n' ' ' <"$WORK/signals")" = 'USR1 TERM ' ]
	gone "$mnt/vm2"
}

test_run_killed_ends_qemu_and_leaves_no_file()
{
	fake_host "$root"
	start_waiting_qemu
	kill -KILL "$pid"
	wait_until ended "$qemu"
	wait_until gone "$mnt/vm2"
	grep -q TERM "$WORK/signals"
}

test_run_daemonized_keeps_the_file_until_the_end()
{
	fake_host "$root"
	fake_qemu "(while [ -d $WORK ] && [ ! -e $WORK/end ]; do sleep 0.1; done) >/dev/null 2>&1 &
		exit 0"
	rm -f "$WORK/end"
	ctl 0 run --name vm2 -- "$WORK/fake-qemu" -daemonize
	there "$mnt/vm2"
	: >"$WORK/end"
	wait_until gone "$mnt/vm2"
}

test_run_starts_a_real_qemu()
{
	fake_host "$root"
	printf 'info memdev\nquit\n' >"$WORK/monitor"
	"$ESXMEMCTL" run --name vm2 -- qemu-system-x86_64 -accel tcg -S -nodefaults \
		-display none -machine q35 -m 64 -monitor stdio \
		<"$WORK/monitor" >"$WORK/out" 2>"$WORK/err"
	prints 'memory backend: esxmem-ram'
	prints 'size:  67108864'
	prints 'share: true'
	is_silent
	gone "$mnt/vm2"
}
