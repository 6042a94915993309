#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of esxmemctl against the module: needs it loaded, the filesystem mounted
# at /run/esxmem, and KVM.  Prints TAP.
# usage: test_live.sh [TEST...]
#
# shellcheck disable=SC2317,SC2329 # the tests are called by name
# shellcheck disable=SC2016 # a backquote in a message
# shellcheck disable=SC1091 # what is sourced is checked by itself

here=$(dirname "$(readlink -f "$0")")
top=$here/../..
# shellcheck source=tap.sh
. "$here/tap.sh"
# shellcheck source=ctl.sh
. "$here/ctl.sh"

tap_need python3 qemu-system-x86_64 setpriv

ESXMEMCTL=$top/tools/esxmemctl/esxmemctl
mnt=/run/esxmem
sysfs=/sys/kernel/esxmem
# Pages of a test file.
pages=500

[ -x "$ESXMEMCTL" ] || tap_bail "$ESXMEMCTL is not built"
[ -d "$sysfs" ] || tap_bail "the module esxmem is not loaded"
mountpoint -q "$mnt" || tap_bail "$mnt is not mounted"
[ -z "$(ls "$mnt")" ] || tap_bail "$mnt is not empty"

WORK=$(mktemp -d /tmp/esxmemctl-live.XXXXXX)
chmod 755 "$WORK"
was_running=$(cat "$sysfs/share/run")
trap 'echo "$was_running" >"$sysfs/share/run"; rm -rf "$WORK"' EXIT
# The scanner would share before the test says so.
echo 0 >"$sysfs/share/run"

head -c $((pages * 4096)) /dev/urandom >"$WORK/content"

# Every test starts and ends with an empty mount.
clean()
{
	find "$mnt" -mindepth 1 -delete
}

# $1 a memory file: fill it with the content that all of them have.
fill()
{
	cat "$WORK/content" >"$mnt/$1"
}

same()
{
	local file
	for file in "$@"; do
		cmp "$WORK/content" "$mnt/$file"
	done
}

vm_value()
{
	cat "$sysfs/vms/$1/$2"
}

gone()
{
	[ ! -e "$1" ]
}

ended()
{
	! kill -0 "$1" 2>/dev/null
}

test_status_agrees_with_sysfs()
{
	clean
	fill one
	ctl 0 status --json
	is_silent
	json_holds 'd["nr_vms"] == 1' "d['size_bytes'] == $pages * 4096" \
		"d['backed_bytes'] == $pages * 4096" "d['used_bytes'] == $pages * 4096" \
		"d['version'] == '$(cat $sysfs/version)'" \
		"d['large_pages'] == '$(cat $sysfs/large_pages)'" \
		"d['share']['pages_per_second'] == $(cat $sysfs/share/pages_per_second)" \
		"d['share']['full_scans'] == $(cat $sysfs/share/full_scans)" \
		"d['share']['break_large'] == '$(cat $sysfs/share/break_large)'"
	clean
	ctl 0 status --json
	json_holds 'd["nr_vms"] == 0' 'd["used_bytes"] == 0'
}

test_no_value_is_unknown_to_root()
{
	clean
	fill one
	ctl 0 status --json
	json_holds 'None not in d.values()' 'None not in d["share"].values()'
	ctl 0 vm list --json
	json_holds 'None not in d["vms"][0].values()'
	ctl 0 share stats --json
	json_holds 'None not in d.values()'
	ctl 0 show --json
	json_holds 'None not in d.values()' 'None not in d["share"].values()'
	local keys
	keys=$(cd "$sysfs/vms/one" && printf '%s\n' * name | sort | tr '\n' ' ')
	ctl 0 vm show one --json
	json_holds "' '.join(sorted(d)) + ' ' == '$keys'"
	clean
}

# $1 KEY=VALUE: that is what the knob's file says.
knob_is()
{
	local file=${1%%=*}
	[ "$(cat "$sysfs/${file/./\/}")" = "${1#*=}" ]
}

test_set_changes_each_knob_and_show_shows_it()
{
	local before knob rate
	before=("large_pages=$(cat $sysfs/large_pages)")
	for knob in pages_per_second cpu_percent order target_seconds workers break_large \
		pressure_percent; do
		before+=("share.$knob=$(cat "$sysfs/share/$knob")")
	done
	for knob in tax_percent period_seconds admission; do
		before+=("tax.$knob=$(cat "$sysfs/tax/$knob")")
	done
	rate=$(cat $sysfs/share/pages_per_second)
	ctl 0 set share.run=on share.pages_per_second=0 share.cpu_percent=100 \
		share.order=random share.target_seconds=600 share.workers=3 \
		share.break_large=never share.pressure_percent=50 large_pages=never \
		tax.tax_percent=50 tax.progressive=on tax.reclaim=off tax.period_seconds=60 \
		tax.hold=off tax.hold_max_ms=250 tax.admission=strict
	ctl 0 show --json
	json_holds 'd.keys() == {"large_pages", "share", "tax"}' 'd["large_pages"] == "never"' \
		'd["share"] == {"run": True, "pages_per_second": 0, "cpu_percent": 100, "order": "random", "target_seconds": 600, "workers": 3, "break_large": "never", "pressure_percent": 50}' \
		"d['tax'] == {'tax_percent': 50, 'progressive': True, 'reclaim': False, 'hold': False, 'hold_max_ms': 250, 'period_seconds': 60, 'admission': 'strict', 'pool_bytes': $(cat $sysfs/tax/pool_bytes)}"
	ctl 0 set share.pages_per_second=4294967295 share.cpu_percent=1 \
		share.target_seconds=4294967295 share.workers=64 share.pressure_percent=100
	ctl 0 set share.workers=1 share.pressure_percent=0 share.break_large=always
	ctl 0 set share.run=off tax.progressive=off tax.reclaim=on tax.hold=on tax.hold_max_ms=10 "${before[@]}"
	ctl 0 show --json
	json_holds "d['share']['pages_per_second'] == $rate" 'd["share"]["run"] is False'
	for knob in "${before[@]:1}"; do
		knob_is "$knob"
	done
}

test_share_now_merges_the_files_of_a_vm()
{
	clean
	mkdir "$mnt/pair"
	fill pair/a
	fill pair/b
	ctl 0 share now pair --json
	is_silent
	json_holds 'd["complete"] is True' "d['total']['visited'] == 2 * $pages" \
		"d['total']['merged'] >= $pages"
	[ "$(vm_value pair shared_bytes)" -eq $((2 * pages * 4096)) ]
	ctl 0 status --json
	json_holds "d['reclaimed_shared_bytes'] == $pages * 4096" \
		"d['used_bytes'] == $pages * 4096"
	same pair/a pair/b
	ctl 0 share now pair --json
	json_holds 'd["total"]["merged"] == 0' "d['total']['already'] == 2 * $pages"
	clean
}

test_share_now_takes_a_range()
{
	clean
	mkdir "$mnt/pair"
	fill pair/a
	fill pair/b
	ctl 0 share now --file "$mnt/pair/a" --length 64K
	ctl 0 share now --file "$mnt/pair/b" --offset 4096 --length 32K --json
	json_holds 'd["total"]["visited"] == 8' 'd["total"]["merged"] >= 8'
	[ "$(vm_value pair shared_bytes)" -eq $((16 * 4096)) ]
	same pair/a pair/b
	clean
}

test_share_now_counts_zero_pages_apart()
{
	clean
	dd if=/dev/zero of="$mnt/zeros" bs=4096 count=100 status=none
	ctl 0 share now zeros --json
	json_holds 'd["total"]["zero"] == 100' 'd["total"]["merged"] == 0'
	ctl 0 status --json
	json_holds 'd["zero_bytes"] == 409600' 'd["reclaimed_bytes"] == 409600' \
		'd["reclaimed_shared_bytes"] == 0'
	clean
}

# Two files of equal pages; a VM that has given all has no more.
test_reclaim_takes_what_there_is_and_no_more()
{
	clean
	mkdir "$mnt/pair"
	fill pair/a
	fill pair/b
	dd if=/dev/zero of="$mnt/pair/zeros" bs=4096 count=100 status=none
	ctl 0 reclaim pair 4K --json
	is_silent
	json_holds 'd["complete"] is True' 'd["freed"] >= 1' 'd["reasons"] == []'
	ctl 1 reclaim pair 1G --json
	json_holds 'd["complete"] is False' 'd["reasons"] == ["exhausted"]'
	complains "'pair' gave"
	ctl 0 status --json
	json_holds "d['used_bytes'] == $pages * 4096" \
		"d['reclaimed_bytes'] == ($pages + 100) * 4096"
	ctl 0 reclaim pair all --json
	json_holds 'd["freed"] == 0'
	same pair/a pair/b
	clean
}

test_share_now_refuses_other_files()
{
	ctl 1 share now --file "$WORK/content"
	complains 'is not on the memory filesystem'
}

test_groups_decide_who_shares()
{
	clean
	fill one
	fill two
	ctl 0 share now --all --json
	json_holds 'd["total"]["merged"] == 0' 'len(d["targets"]) == 2'
	ctl 0 vm set one group=blue
	ctl 0 vm set two group=blue share=off
	ctl 0 share now one two
	[ "$(vm_value one shared_bytes)" -eq $((pages * 4096)) ]
	[ "$(vm_value two shared_bytes)" -eq $((pages * 4096)) ]
	ctl 0 vm list --json
	json_holds '[v["group"] for v in d["vms"]] == ["blue", "blue"]' \
		'[v["share"] for v in d["vms"]] == [True, False]'
	ctl 0 vm set one group=none
	[ "$(vm_value one shared_bytes)" -eq 0 ]
	[ "$(vm_value one group)" = '' ]
	same one two
	clean
}

test_group_names_have_63_characters_at_most()
{
	clean
	fill one
	local name
	name=$(printf 'x%.0s' {1..63})
	ctl 0 vm set one group="$name"
	[ "$(vm_value one group)" = "$name" ]
	ctl 2 vm set one group="x$name"
	clean
}

test_create_makes_a_vm_and_remove_ends_it()
{
	clean
	ctl 0 create vm2 64M
	ctl 0 vm show vm2 --json
	json_holds 'd["size_bytes"] == 67108864' 'd["backed_bytes"] == 0'
	ctl 1 create vm2 64M
	ctl 0 remove vm2
	ctl 1 vm show vm2
	complains "no VM named 'vm2'"
}

test_create_is_admitted_with_its_parameters_or_not()
{
	clean
	ctl 0 create vm2 64M --min 8M --max 16M --shares 5 --tax 0
	[ "$(vm_value vm2 min_bytes)" -eq 8388608 ]
	[ "$(vm_value vm2 max_bytes)" -eq 16777216 ]
	[ "$(vm_value vm2 shares)" = 5 ]
	[ "$(vm_value vm2 tax_percent)" = 0 ]
	ctl 0 set tax.pool_bytes=16M
	ctl 1 create vm3 64M --min 12M
	complains "'vm3' is not admitted: its minimum of 12M takes 12M with overhead, and only 7.9M of the pool of 16M are unreserved"
	gone "$mnt/vm3"
	gone "$sysfs/vms/vm3"
	ctl 1 run --name vm3 --min 12M -- qemu-system-x86_64 -m 64
	complains 'is not admitted: its minimum of 12M'
	gone "$mnt/vm3"
	ctl 0 create vm3 64M --min 4M
	ctl 0 set tax.pool_bytes=0
	clean
}

# What the mount says is what counts for what is not given, and no more.
test_create_goes_before_the_mount()
{
	clean
	mkdir -p "$WORK/m2"
	mount -t esxmem -o min=8M,max=32M esxmem "$WORK/m2"
	ctl 0 create --mount "$WORK/m2" live-low 64M --min 1M --max 2M
	[ "$(vm_value live-low min_bytes)" -eq 1048576 ]
	[ "$(vm_value live-low max_bytes)" -eq 2097152 ]
	ctl 0 create --mount "$WORK/m2" live-high 64M --max 64M --min 48M
	[ "$(vm_value live-high min_bytes)" -eq 50331648 ]
	ctl 1 create --mount "$WORK/m2" live-none 64M --max 4M
	complains 'give both --min and --max'
	gone "$WORK/m2/live-none"
	ctl 0 remove --mount "$WORK/m2" live-low live-high
	umount "$WORK/m2"
	clean
}

test_clone_shares_all_and_keeps_apart()
{
	clean
	fill template
	chmod 640 "$mnt/template"
	local frames
	ctl 0 status --json
	frames=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["used_bytes"])' <"$WORK/out")
	ctl 0 clone --json template vm2 vm3
	is_silent
	json_holds "[c['shared_bytes'] for c in d['clones']] == 2 * [$pages * 4096]"
	ctl 0 status --json
	json_holds "d['used_bytes'] == $frames" \
		"d['reclaimed_shared_bytes'] == 2 * $pages * 4096"
	same template vm2 vm3
	[ "$(stat -c %a "$mnt/vm2")" = 640 ]
	head -c 4096 /dev/zero | dd of="$mnt/vm2" bs=4096 seek=1 conv=notrunc status=none
	same template vm3
	ctl 0 remove template
	same vm3
	ctl 1 clone vm3 vm2
	complains 'use --force'
	map_file vm2
	ctl 1 clone --force vm3 vm2
	complains "is the memory of process $pid"
	kill "$pid"
	wait "$pid" || true
	ctl 0 clone --force vm3 vm2
	same vm2 vm3
	clean
}

test_clone_stays_in_its_mount()
{
	clean
	fill template
	mkdir -p "$WORK/m2"
	mount -t esxmem -o size=1M esxmem "$WORK/m2"
	ctl 1 clone "$mnt/template" "$WORK/m2/vm2"
	complains 'a clone and its source must be in one'
	gone "$WORK/m2/vm2"
	head -c 768K /dev/urandom >"$WORK/m2/template"
	ctl 1 clone "$WORK/m2/template" "$WORK/m2/vm2"
	complains 'no room for a clone'
	gone "$WORK/m2/vm2"
	ctl 1 clone "$WORK/content" "$mnt/vm2"
	complains 'is not on the memory filesystem'
	umount "$WORK/m2"
	clean
}

# Maps file $1 in a process $pid until that is killed.
map_file()
{
	python3 - "$mnt/$1" "$WORK/mapped" <<-'PYTHON' &
		import mmap, sys, time
		with open(sys.argv[1], "r+b") as file:
		    memory = mmap.mmap(file.fileno(), 0)
		open(sys.argv[2], "w").close()
		time.sleep(1000000)
	PYTHON
	pid=$!
	wait_until test -e "$WORK/mapped"
	rm "$WORK/mapped"
}

test_remove_and_doctor_know_who_maps_a_file()
{
	clean
	fill one
	fill two
	map_file one
	ctl 1 remove one
	complains "is the memory of process $pid"
	ctl 0 doctor --json
	json_holds "[c['result'] for c in d['checks'] if c['check'] == 'orphans'] == ['warn']"
	prints "no process maps $mnt/two, which holds"
	kill "$pid"
	wait "$pid" || true
	ctl 0 remove one two
	gone "$mnt/one"
}

test_doctor_is_content_here()
{
	clean
	ctl 0 doctor --json
	json_holds 'd["fail"] == 0' \
		'{c["check"] for c in d["checks"]} >= {"enforcement", "pool", "admission", "state", "sampling"}' \
		'{c["check"] for c in d["checks"] if c["result"] == "ok"} >= {"module", "module-kvm", "device", "mount", "kvm", "nested-paging", "orphans"}' \
		"any('$mnt with ' in c['message'] for c in d['checks'])"
}

test_second_mount_must_be_named()
{
	clean
	mkdir -p "$WORK/m2"
	mount -t esxmem esxmem "$WORK/m2"
	ctl 1 create vm2 4M
	complains 'say which one with --mount DIR'
	ctl 0 create --mount "$mnt" vm2 4M
	ctl 0 create --mount "$WORK/m2" vm2 4M
	ctl 0 vm list --json
	json_holds 'd["vms"][0]["name"] == "vm2"'
	json_holds 'd["vms"][1]["name"].startswith("vm2~")'
	numbered=$(echo /sys/kernel/esxmem/vms/vm2~*)
	ctl 1 share now "${numbered##*/}"
	complains 'another mount has its name'
	ctl 0 share now --file "$WORK/m2/vm2"
	ctl 0 remove --mount "$WORK/m2" vm2
	umount "$WORK/m2"
	clean
}

test_others_see_what_they_may()
{
	clean
	fill one
	cp "$ESXMEMCTL" "$WORK/copy"
	printf '#!/bin/bash\nexec setpriv --reuid=65534 --regid=65534 --clear-groups %s "$@"\n' \
		"$WORK/copy" >"$WORK/as-nobody"
	chmod +x "$WORK/as-nobody"
	ESXMEMCTL=$WORK/as-nobody
	ctl 0 vm list --json
	json_holds "d['vms'][0]['size_bytes'] == $pages * 4096" 'd["vms"][0]["shared_bytes"] is None'
	complains 'for root only'
	ctl 1 vm set one share=off
	complains 'share not changed: this needs root'
	[ "$(vm_value one share)" = 1 ]
	ctl 1 share now one
	ctl 1 reclaim one 4K
	ctl 1 create vm2 4M
	complains 'may not create'
	clean
}

# Starts a guest that is nothing but firmware as VM bios, and waits until KVM
# runs it; sets $pid, and $qemu, and opens 7 to its monitor.
start_guest()
{
	mkfifo "$WORK/monitor"
	"$ESXMEMCTL" run --name bios "$@" -- qemu-system-x86_64 -accel kvm -m 64 \
		-display none -nodefaults -monitor stdio <"$WORK/monitor" \
		>"$WORK/guest" 2>&1 &
	pid=$!
	exec 7>"$WORK/monitor"
	rm "$WORK/monitor"
	wait_until is_attached
	qemu=$(pgrep -P "$pid" -x qemu-system-x86)
}

is_attached()
{
	[ "$(vm_value bios attached 2>/dev/null)" = 1 ]
}

test_run_starts_a_guest_that_is_attached_and_shared()
{
	clean
	start_guest --group blue
	[ "$(vm_value bios group)" = blue ]
	[ "$(vm_value bios size_bytes)" -eq 67108864 ]
	wait_until test "$(vm_value bios ept_violations)" -gt 0
	ctl 0 vm list --raw --noheadings -o NAME,SIZE,ATTACHED,GROUP
	prints 'bios 64M on blue'
	ctl 0 share now bios --json
	json_holds 'd["complete"] is True' 'd["total"]["visited"] > 0'
	ctl 1 remove bios
	complains "is the memory of process $qemu"
	echo quit >&7
	exec 7>&-
	wait "$pid"
	gone "$mnt/bios"
	gone "$sysfs/vms/bios"
}

test_run_killed_leaves_neither_guest_nor_memory()
{
	clean
	start_guest
	kill -KILL "$pid"
	wait_until ended "$qemu"
	wait_until gone "$mnt/bios"
	wait_until gone "$sysfs/vms/bios"
	exec 7>&-
}

test_run_ends_when_its_guest_is_killed()
{
	clean
	start_guest
	kill -KILL "$qemu"
	local status=0
	wait "$pid" || status=$?
	exec 7>&-
	[ "$status" -eq 137 ]
	gone "$mnt/bios"
	gone "$sysfs/vms/bios"
}

test_run_dry_makes_nothing()
{
	clean
	ctl 0 run --name bios --dry-run -- qemu-system-x86_64 -accel kvm -m 1G
	prints "qemu-system-x86_64 -accel kvm -m 1G -object memory-backend-file,id=esxmem-ram,size=1073741824,mem-path=$mnt/bios,share=on,align=2M -machine memory-backend=esxmem-ram"
	gone "$mnt/bios"
}

# Figures that change of themselves are not compared.
test_top_agrees_with_sysfs()
{
	local rows
	clean
	fill one
	fill two
	ctl 0 share now --all
	ctl 0 top --batch --json --iterations 2 --delay 0.1
	is_silent
	tail -n 1 "$WORK/out" >"$WORK/last"
	mv "$WORK/last" "$WORK/out"
	json_holds "[v['name'] for v in d['vms']] == ['one', 'two']" \
		"d['vms'][0]['size_bytes'] == $(vm_value one size_bytes)" \
		"d['vms'][0]['backed_bytes'] == $(vm_value one backed_bytes)" \
		"d['vms'][0]['shared_bytes'] == $(vm_value one shared_bytes)" \
		"d['vms'][0]['active_bytes'] is not None" \
		"d['vms'][0]['cow_breaks_per_second'] == 0" \
		"d['host']['mem_total_bytes'] == $(awk '/MemTotal/ { print $2 }' /proc/meminfo) * 1024"
	ctl 0 top --batch --iterations 1 --sort VM
	is_silent
	rows=$(grep -cE '^(one|two) ' "$WORK/out")
	[ "$rows" -eq 2 ]
	clean
}

test_pool_set_limits_the_vms_in_a_directory()
{
	clean
	mkdir -p "$mnt/team/a" "$mnt/team/b"
	truncate -s 64M "$mnt/team/a/ram" "$mnt/team/b/ram"
	ctl 0 pool set team max=32M min=4M shares=7
	ctl 0 pool list --json
	json_holds '[p["name"] for p in d["pools"]] == ["team"]' 'd["pools"][0]["members"] == 2' \
		'd["pools"][0]["max_bytes"] == 32 << 20' 'd["pools"][0]["reserved_bytes"] == 4 << 20' \
		'None not in d["pools"][0].values()'
	wait_until grep -qx 33554432 "$sysfs/pools/team/target_bytes"
	ctl 0 explain team/a
	tr '\n' ' ' <"$WORK/out" >"$WORK/said"
	grep -qF 'competes in the pool team, whose VMs are entitled to 32M together by its maximum' \
		"$WORK/said"
	ctl 1 pool set team max=2M
	complains 'min <= max'
	ctl 1 vm set team/a min=48M
	complains "a pool's maximum"
	clean
	gone "$sysfs/pools/team"
	ctl 0 pool list --json
	json_holds 'd["pools"] == []'
}

# Modules without targets are refused, by name of the file.
test_explain_has_a_reason_or_says_what_is_missing()
{
	clean
	fill one
	if [ -e "$sysfs/vms/one/target_bytes" ]; then
		wait_until eval '! grep -qx none "$sysfs/vms/one/target_reason"'
		ctl 0 explain one
		prints 'one is entitled to'
		ctl 0 explain one --json
		json_holds "d['target_bytes'] == $(vm_value one target_bytes)" \
			"d['target_reason'] == '$(vm_value one target_reason)'"
	else
		ctl 1 explain one
		complains "'one' has no file target_bytes"
	fi
	clean
}

tap_run "$@"
