# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by who sources this
# shellcheck disable=SC2016 # a backquote in a message
#
# Tests of esxmemctl: sharing, taking memory, and memory files.

# --- sharing ---

test_share_stats_has_every_counter()
{
	fake_host "$root"
	ctl 0 share stats --json
	local keys
	keys=$(cd "$esx/share" && for f in *; do
		case $f in
		run | pages_per_second | cpu_percent | order | target_seconds) ;;
		workers | break_large | pressure_percent) ;;
		*) echo "$f" ;;
		esac
	done | sort | tr '\n' ' ')
	json_holds "' '.join(sorted(d)) + ' ' == '$keys'" 'd["shared_frames"] == 5120'
	ctl 0 share stats
	grep -qE '^COW breaks +24 ' "$WORK/out"
	grep -qE '^hashed +40000 ' "$WORK/out"
	grep -qE '^shareable +3.3M ' "$WORK/out"
	ctl 0 share stats --bytes
	grep -qE '^shareable +3461120 ' "$WORK/out"
}

test_share_stats_works_with_an_old_module()
{
	fake_host "$root"
	fake_old_module "$root"
	ctl 0 share stats --json
	is_silent
	json_holds 'd["merged_pages"] == 20480' 'd["hashed_pages"] is None' \
		'd["shareable_bytes"] is None'
	ctl 0 share stats
	grep -qE '^clean +- ' "$WORK/out"
}

test_share_now_works_in_pieces()
{
	fake_host "$root"
	fake_device
	truncate -s 132M "$mnt/web1"
	ctl 0 share now web1 --json
	[ "$(cut -d' ' -f1,2 "$FAKE_LOG" | tr '\n' ';')" = \
		'0 67108864;67108864 67108864;134217728 4194304;' ]
	json_holds 'd["complete"] is True' 'len(d["targets"]) == 1' \
		'd["targets"][0]["target"] == "web1"' \
		'd["total"]["visited"] == 132 * 256' \
		'd["total"]["merged"] == 33 * 256' \
		'"target" not in d["total"]'
}

test_share_now_takes_all_files_of_a_directory()
{
	fake_host "$root"
	fake_device
	ctl 0 share now libvirt/qemu/1-db --json
	json_holds 'd["total"]["visited"] == 20 * 256' 'len(d["targets"]) == 1'
	grep -q '/pc.ram$' "$FAKE_LOG"
	grep -q '/memdimm0$' "$FAKE_LOG"
}

test_share_now_all_prints_a_total()
{
	fake_host "$root"
	fake_device
	ctl 0 share now --all
	is_silent
	grep -qE '^TARGET +VISITED +MERGED' "$WORK/out"
	grep -qE '^web1 +32768 +8192 +8192 ' "$WORK/out"
	grep -qE '^total +37888 ' "$WORK/out"
}

test_share_now_file_takes_a_range()
{
	fake_host "$root"
	fake_device
	ctl 0 share now --file "$mnt/web1" --offset 2M --length 8192 --json
	[ "$(cat "$FAKE_LOG")" = "2097152 8192 $mnt/web1" ]
	ctl 0 share now --file "$mnt/web1" --offset 126M
	[ "$(tail -n 1 "$FAKE_LOG" | cut -d' ' -f1,2)" = '132120576 2097152' ]
}

test_share_now_refuses_bad_ranges()
{
	fake_host "$root"
	fake_device
	ctl 2 share now --file "$mnt/web1" --offset 100
	complains 'must be a multiple of 4096 bytes'
	ctl 2 share now --file "$mnt/web1" --length 1Q
	ctl 2 share now web1 --offset 4096
	complains '--file alone'
	ctl 2 share now --file "$mnt/libvirt/qemu/1-db" --offset 4096
	complains 'is a directory'
	ctl 1 share now --file "$mnt/web1" --offset 128M
	complains 'ends beyond'
	ctl 1 share now --file "$mnt/web1" --offset 127M --length 2M
	ctl 2 share now
	complains 'needs either names of VMs'
	ctl 2 share now --all web1
	ctl 2 share now --all --file "$mnt/web1"
	[ ! -e "$FAKE_LOG" ]
}

test_share_now_names_what_is_missing()
{
	fake_host "$root"
	ctl 1 share now web1
	complains '/dev/esxmem is missing'
	fake_device
	ctl 1 share now foo
	complains "no VM named 'foo'"
	ctl 1 share now --file "$mnt/nothing"
	complains 'No such file'
	rm "$mnt/web1"
	ctl 1 share now web1
	complains 'has no file of that name'
}

test_share_now_goes_on_behind_a_missing_vm()
{
	fake_host "$root"
	fake_device
	ctl 1 share now foo web1 --json
	json_holds 'd["complete"] is False' 'len(d["targets"]) == 1'
}

test_share_now_explains_errors_of_the_kernel()
{
	fake_host "$root"
	fake_device
	FAKE_ERRNO=1 ctl 1 share now web1
	complains 'this needs root'
	FAKE_ERRNO=22 ctl 1 share now --file "$mnt/web1"
	complains 'is not on the memory filesystem'
	FAKE_ERRNO=25 ctl 1 share now web1
	complains 'install both from one release'
}

test_share_now_reports_what_an_interrupt_left()
{
	fake_host "$root"
	fake_device
	FAKE_STOP=1 ctl 1 share now web1 --json
	json_holds 'd["complete"] is False' 'd["total"]["visited"] == 16384'
	complains 'interrupted'
	[ "$(wc -l <"$FAKE_LOG")" -eq 1 ]
}

# --- taking memory ---

test_reclaim_takes_it_in_pieces()
{
	fake_host "$root"
	fake_device
	ctl 0 reclaim web1 72M --json
	is_silent
	[ "$(cat "$FAKE_LOG")" = "0 67108864 $mnt/web1
0 8388608 $mnt/web1" ]
	json_holds 'd["vm"] == "web1"' 'd["freed"] == 72 * 256' 'd["complete"] is True' \
		'd["freed_bytes"] == d["wanted_bytes"] == 72 << 20' 'd["reasons"] == []' \
		'd["merged"] == d["broken"] == 36 * 256' 'd["huge_broken"] == 36' \
		'd["hashed"] == 2 * d["freed"]'
	ctl 0 reclaim libvirt/qemu/1-db 4K
	is_silent
	grep -q '^0 4096 .*/1-db$' "$FAKE_LOG"
	grep -qE '^VM +FREED +MERGED' "$WORK/out"
	grep -qE '^libvirt/qemu/1-db +1 ' "$WORK/out"
}

test_reclaim_says_why_not_more()
{
	fake_host "$root"
	fake_device
	ctl 1 reclaim web1 1G --json
	json_holds 'd["complete"] is False' 'd["freed"] == 20000' \
		'd["wanted_bytes"] == 1 << 30' 'd["reasons"] == ["exhausted"]'
	complains "'web1' gave 78M of 1G: no more pages are zero or equal"
	FAKE_PINNED=7 ctl 1 reclaim web1 1G --json
	json_holds 'd["pinned"] == 7' 'd["reasons"] == ["pinned", "exhausted"]'
	complains '7 pages are held by I/O'
}

test_reclaim_all_is_what_there_is()
{
	fake_host "$root"
	fake_device
	ctl 0 reclaim web1 all --json
	is_silent
	json_holds 'd["complete"] is True' 'd["freed"] == 20000' \
		'd["wanted_bytes"] is None' 'd["reasons"] == ["exhausted"]'
}

test_reclaim_can_be_interrupted()
{
	fake_host "$root"
	fake_device
	FAKE_STOP=1 ctl 1 reclaim web1 72M --json
	json_holds 'd["complete"] is False' 'd["freed"] == 64 * 256' \
		'd["reasons"] == ["interrupted"]'
	complains 'interrupted; what was freed until then, 64M, stays free'
	[ "$(wc -l <"$FAKE_LOG")" -eq 1 ]
}

test_reclaim_refuses_what_makes_no_sense()
{
	fake_host "$root"
	ctl 1 reclaim web1 4K
	complains '/dev/esxmem is missing'
	fake_device
	ctl 2 reclaim
	ctl 2 reclaim web1
	complains 'needs the name of a VM'
	ctl 2 reclaim web1 1M 2M
	ctl 2 reclaim web1 -- -1
	for size in 0 100 1Q '' 5000 ALL; do
		ctl 2 reclaim web1 "$size"
		complains 'SIZE cannot be'
	done
	ctl 1 reclaim foo 4K
	complains "no VM named 'foo'"
	rm "$mnt/web1"
	ctl 1 reclaim web1 4K
	complains 'has no file of that name'
	[ ! -e "$FAKE_LOG" ]
	ctl 0 create web1 4M
	FAKE_ERRNO=1 ctl 1 reclaim web1 4K --json
	json_holds 'd["reasons"] == ["failed"]' 'd["freed"] == 0'
	complains 'permission denied: this needs root'
}

# --- memory files ---

test_create_makes_a_hole()
{
	fake_host "$root"
	ctl 0 create vm2 64M
	is_silent
	[ "$(stat -c '%s %b %a' "$mnt/vm2")" = '67108864 0 600' ]
	ctl 1 create vm2 64M
	complains "exists; take another name, or \`esxmemctl remove vm2\`"
}

test_create_refuses_bad_words()
{
	fake_host "$root"
	ctl 2 create vm2
	ctl 2 create vm2 0
	ctl 2 create vm2 -5
	ctl 2 create vm2 1x
	ctl 2 create vm2 4097
	complains 'must be a multiple of 4096'
	ctl 2 create ../vm2 1M
	complains 'cannot be the name of a VM'
	ctl 2 create a/b 1M
	ctl 2 create .hidden 1M
	ctl 2 create 'a,b' 1M
	ctl 2 create '' 1M
	[ "$(find "$mnt" -newer "$esx/version" -type f -name '*vm2*' | wc -l)" -eq 0 ]
}

test_create_gives_parameters()
{
	fake_host "$root"
	fake_vm "$root" vm2 size_bytes=0
	ctl 0 create vm2 64M --min 8M --max 16M --shares default --tax 99
	is_silent
	cd "$esx/vms/vm2"
	[ "$(cat min_bytes max_bytes shares tax_percent | tr '\n' ' ')" = \
		'8388608 16777216 default 99 ' ]
	there "$mnt/vm2"
}

test_create_checks_parameters_as_a_whole()
{
	fake_host "$root"
	fake_vm "$root" vm2 size_bytes=0
	ctl 2 create vm2 64M --min 16M --max 8M
	complains '--min cannot be more than --max'
	ctl 2 create vm2 64M --min 128M
	complains "--min cannot be more than the VM's size of 64M"
	ctl 2 create vm2 64M --max 65M
	complains "--max cannot be more than the VM's size of 64M"
	ctl 2 create vm2 64M --min 5000
	complains "min cannot be '5000'"
	ctl 2 create vm2 64M --shares 1000000001
	ctl 2 create vm2 64M --tax 100
	ctl 2 create vm2 64M --min
	complains 'an argument is missing'
	[ "$(cat "$esx/vms/vm2/min_bytes")" = 67108864 ]
	gone "$mnt/vm2"
}

test_create_leaves_nothing_without_its_parameters()
{
	fake_host "$root"
	ctl 1 create vm2 64M --min 8M
	complains "cannot give 'vm2' its parameters"
	gone "$mnt/vm2"
	# One that has a size already is another VM.
	fake_vm "$root" vm2
	ctl 1 create vm2 64M --shares 5
	complains 'another VM has that name'
	gone "$mnt/vm2"
	[ "$(cat "$esx/vms/vm2/shares")" = default ]
	ctl 0 create vm2 64M
}

test_create_needs_the_mount()
{
	fake_host "$root"
	ctl 1 create vm2 1M --mount /tmp
	complains "not mounted at '/tmp'"
	ctl 1 create vm2 1M --mount "$mnt/libvirt"
	fake_mounts "$root"
	ctl 1 create vm2 1M
	complains 'the memory filesystem is not mounted; try `mount -t esxmem'
}

test_two_mounts_must_be_chosen_from()
{
	fake_host "$root"
	fake_mounts "$root" "$root/mnt" "$root/mnt2"
	ctl 1 create vm2 1M
	complains 'say which one with --mount DIR'
	ctl 0 create vm2 1M --mount "$root/mnt2"
	there "$root/mnt2/vm2"
	fake_device
	ctl 0 share now vm2
}

test_clone_makes_equal_files_of_equal_mode()
{
	fake_host "$root"
	fake_device
	head -c 1M /dev/urandom >"$mnt/template"
	chmod 640 "$mnt/template"
	ctl 0 clone template vm2 "$mnt/vm3"
	is_silent
	cmp "$mnt/template" "$mnt/vm2"
	cmp "$mnt/template" "$mnt/vm3"
	[ "$(stat -c %a "$mnt/vm2")" = 640 ]
	prints 'vm2'
	ctl 0 clone --json template vm4
	json_holds 'd["source"] == "template"' 'd["complete"] is True' \
		'd["clones"] == [{"clone": "vm4", "size_bytes": 1048576, "shared_bytes": 786432, "zero_bytes": 262144, "private_bytes": 0}]'
}

test_clone_overwrites_only_by_force()
{
	fake_host "$root"
	fake_device
	echo content >"$mnt/template"
	echo another and longer content >"$mnt/vm2"
	ctl 1 clone template vm2
	complains "vm2' exists; take another name, or use --force"
	grep -q another "$mnt/vm2"
	ctl 0 clone --force template vm2
	cmp "$mnt/template" "$mnt/vm2"
	ctl 1 clone --force template web1
	complains 'is the memory of process 501; end that first'
	ctl 1 clone --force template template
	complains 'are the same file'
	ctl 1 clone --force template "$mnt/libvirt"
	complains 'is not a memory file'
}

test_clone_goes_on_after_a_failure()
{
	fake_host "$root"
	fake_device
	echo content >"$mnt/template"
	: >"$mnt/vm2"
	ctl 1 clone --json template vm2 vm3
	complains 'exists'
	json_holds '[c["clone"] for c in d["clones"]] == ["vm3"]' 'd["complete"] is False'
	cmp "$mnt/template" "$mnt/vm3"
}

test_clone_leaves_nothing_when_it_fails()
{
	fake_host "$root"
	fake_device
	echo content >"$mnt/template"
	FAKE_CLONE_ERRNO=28 ctl 1 clone template vm2
	complains 'no room for a clone'
	gone "$mnt/vm2"
	FAKE_CLONE_ERRNO=95 ctl 1 clone template vm2
	complains 'the loaded module cannot'
	gone "$mnt/vm2"
	: >"$mnt/vm2"
	FAKE_CLONE_ERRNO=28 ctl 1 clone --force template vm2
	there "$mnt/vm2"
}

test_clone_stops_between_two_on_sigint()
{
	fake_host "$root"
	fake_device
	echo content >"$mnt/template"
	FAKE_STOP=1 ctl 1 clone --json template vm2 vm3
	complains 'interrupted; the clones that were made stay'
	json_holds 'd["complete"] is False' 'len(d["clones"]) == 1'
	cmp "$mnt/template" "$mnt/vm2"
	gone "$mnt/vm3"
}

test_clone_refuses_other_places()
{
	fake_host "$root"
	fake_device
	echo content >"$mnt/template"
	ctl 1 clone template /dev/shm/esxmemctl-test-vm2
	complains 'a clone and its source must be in one'
	gone /dev/shm/esxmemctl-test-vm2
	ctl 1 clone /proc/self/environ vm2
	complains 'is not on the memory filesystem'
	ctl 1 clone "$mnt/libvirt" vm2
	complains 'is not a memory file; name the file'
	ctl 1 clone nothing vm2
	complains 'No such file'
	ctl 1 clone template nowhere/vm2
	complains 'cannot create'
	ctl 2 clone template
	ctl 2 clone
	ctl 2 clone template .hidden
	ctl 2 clone a,b vm2
	gone "$mnt/vm2"
}

# Without the device, or without the right to it, there are no figures.
test_clone_knows_nothing_of_sharing_without_the_device()
{
	fake_host "$root"
	fake_device
	rm "$root/dev/esxmem"
	echo content >"$mnt/template"
	ctl 0 clone --json template vm2
	json_holds 'd["clones"][0]["shared_bytes"] is None' 'd["complete"] is True'
}

test_remove_spares_files_in_use()
{
	fake_host "$root"
	ctl 0 create vm2 1M
	ctl 1 remove web1
	complains 'is the memory of process 501'
	there "$mnt/web1"
	ctl 0 remove vm2
	gone "$mnt/vm2"
	ctl 0 remove --force web1
	gone "$mnt/web1"
	ctl 1 remove vm2
	complains 'No such file'
	ctl 1 remove libvirt
	complains 'is not a memory file'
	ctl 2 remove
	ctl 2 remove ../etc
}
