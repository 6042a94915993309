# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by who sources this
# shellcheck disable=SC2016 # a backquote in a message
#
# Tests of esxmemctl: the command line itself, status, knobs, VMs.

# --- the command line itself ---

test_no_command_is_misuse()
{
	ctl 2
	complains 'no command given'
}

test_help_lists_every_command()
{
	local name
	ctl 0 --help
	for name in status show set 'vm list' 'vm show' 'vm set' 'pool list' 'pool show' 'pool set' 'share now' \
		'share stats' top explain run create clone remove doctor; do
		prints "  $name "
	done
}

test_every_command_has_help()
{
	local name
	for name in status show set 'vm list' 'vm show' 'vm set' 'pool list' 'pool show' 'pool set' 'share now' \
		'share stats' top explain run create clone remove doctor; do
		# shellcheck disable=SC2086 # two words
		ctl 0 $name --help
		prints "Usage: esxmemctl $name"
		is_silent
	done
}

test_noun_alone_is_misuse_and_has_help()
{
	ctl 2 vm
	complains "'vm' needs a second word"
	ctl 0 vm --help
	prints 'vm set'
}

test_unknown_commands_are_named()
{
	ctl 2 frobnicate
	complains "no command named 'frobnicate'"
	ctl 2 vm frobnicate
	complains "no command named 'vm frobnicate'"
	ctl 2 sta
	complains "no command named 'sta'"
}

test_unknown_options_are_named()
{
	ctl 2 --frob
	complains "unknown option '--frob'"
	ctl 2 status --frob
	complains "'--frob'; \`esxmemctl status --help\`"
	ctl 2 vm list -x
	complains "'-x'"
	ctl 2 vm list -o
	complains 'an argument is missing'
}

test_version_names_the_abi()
{
	ctl 0 --version
	local abi
	abi=$(sed -n 's/^#define ESXMEM_ABI_VERSION[[:space:]]*//p' "$top/esxmem/uapi/esxmem.h")
	prints "esxmemctl 0.1.0 (ABI $abi)"
}

test_write_error_is_a_failure()
{
	fake_host "$root"
	local status=0
	"$ESXMEMCTL" vm list >/dev/full 2>"$WORK/err" || status=$?
	[ "$status" -eq 1 ]
	complains 'cannot write'
}

# --- status and knobs ---

test_status_adds_up_sysfs_without_device()
{
	fake_host "$root"
	ctl 0 status --json
	is_silent
	json_holds 'd["version"] == "0.1.0"' 'd["nr_vms"] == 2' \
		'd["size_bytes"] == 402653184' 'd["private_bytes"] == 125829120' \
		'd["shared_bytes"] == 83886080' 'd["zero_bytes"] == 41943040' \
		'd["backed_bytes"] == 209715200' \
		'd["shared_frames_bytes"] == 5120 * 4096' \
		'd["used_bytes"] == 125829120 + 5120 * 4096' \
		'd["reclaimed_shared_bytes"] == 83886080 - 5120 * 4096' \
		'd["reclaimed_bytes"] == 83886080 - 5120 * 4096 + 41943040' \
		'd["large_pages"] == "always"' 'd["share"]["run"] is True' \
		'd["share"]["cpu_percent"] == 10' 'd["share"]["hints"] == 333' \
		'd["share"]["break_large"] == "pressure"' \
		'd["share"]["shareable_bytes"] == 3461120' \
		'd["share"]["shareable_large_pages"] == 4'
}

test_status_prefers_the_device()
{
	fake_host "$root"
	fake_device
	ctl 0 status --json
	json_holds 'd["nr_vms"] == 3' 'd["size_bytes"] == 1000 * 4096' \
		'd["huge_bytes"] == 2097152' \
		'd["reclaimed_bytes"] == (200 - 40 + 50) * 4096'
}

test_status_is_readable()
{
	fake_host "$root"
	ctl 0 status
	grep -qE '^size +384M ' "$WORK/out"
	grep -qE '^reclaimed +100M ' "$WORK/out"
	grep -qE '^scanner +on ' "$WORK/out"
	grep -qE '^2 MB frames +always ' "$WORK/out"
	grep -qE '^2 MB frames broken +pressure ' "$WORK/out"
	grep -qE '^pressure percent +10 ' "$WORK/out"
	ctl 0 status --bytes
	grep -qE '^size +402653184 ' "$WORK/out"
}

test_status_says_what_large_pages_hold_back()
{
	fake_host "$root"
	ctl 0 status
	grep -qxF 'shareable now: 3.3 MiB, would cost 4 large pages' "$WORK/out"
	ctl 0 status --bytes
	grep -qxF 'shareable now: 3461120 bytes, would cost 4 large pages' "$WORK/out"
	echo 65536 >"$esx/share/shareable_bytes"
	echo 1 >"$esx/share/shareable_large_pages"
	ctl 0 status
	grep -qxF 'shareable now: 0.1 MiB, would cost 1 large page' "$WORK/out"
	echo 0 | tee "$esx/share/shareable_bytes" >"$esx/share/shareable_large_pages"
	ctl 0 status
	grep -qxF 'shareable now: 0.0 MiB, would cost 0 large pages' "$WORK/out"
}

test_status_works_with_an_old_module()
{
	fake_host "$root"
	fake_old_module "$root"
	ctl 0 status
	is_silent
	grep -qxF 'shareable now: -' "$WORK/out"
	grep -qE '^2 MB frames broken +- ' "$WORK/out"
	ctl 0 status --json
	is_silent
	json_holds 'd["share"]["shareable_bytes"] is None' \
		'd["share"]["break_large"] is None' 'd["share"]["run"] is True'
}

test_status_without_module_fails()
{
	fake_host "$root"
	rm -rf "$esx"
	ctl 1 status
	complains 'the module is not loaded; try `modprobe esxmem`'
	ctl 1 vm list
	complains 'the module is not loaded'
	ctl 1 show
	complains 'the module is not loaded'
	ctl 1 set share.run=on
	complains 'the module is not loaded'
	ctl 1 share stats
	complains 'the module is not loaded'
}

test_root_only_figures_are_null_for_others()
{
	fake_host "$root"
	chmod 0400 "$esx"/share/* "$esx"/vms/web1/backed_bytes
	# Running as somebody else: a program of ours could not drop root later.
	cp "$ESXMEMCTL" "$WORK/copy"
	if [ "$(id -u)" -eq 0 ]; then
		printf '#!/bin/bash\nexec setpriv --reuid=%s --clear-groups %s "$@"\n' \
			"$uid_nobody" "$WORK/copy" >"$WORK/as-nobody"
		chmod +x "$WORK/as-nobody"
		ESXMEMCTL=$WORK/as-nobody
	fi
	ctl 0 vm show web1 --json
	json_holds 'd["backed_bytes"] is None' 'd["size_bytes"] == 201326592'
	complains 'for root only'
	ctl 0 status --json
	json_holds 'd["reclaimed_bytes"] is None' 'd["share"]["run"] is None'
	ctl 1 set share.run=off
	complains 'share.run not changed: this needs root'
}

test_show_lists_knobs()
{
	fake_host "$root"
	ctl 0 show
	grep -qE '^share\.pages_per_second +20000 ' "$WORK/out"
	ctl 0 show --json
	json_holds 'd["share"] == {"run": True, "pages_per_second": 20000, "cpu_percent": 10, "order": "sequential", "target_seconds": 0, "workers": 1, "break_large": "pressure", "pressure_percent": 10}' \
		'd["large_pages"] == "always"'
}

test_knobs_of_an_old_module_can_be_shown_and_set()
{
	fake_host "$root"
	fake_old_module "$root"
	ctl 0 show
	is_silent
	grep -qE '^share\.workers +- ' "$WORK/out"
	ctl 0 show --json
	json_holds 'd["share"]["run"] is True' 'd["share"]["workers"] is None'
	ctl 0 set share.cpu_percent=20
	ctl 1 set share.workers=2
	complains 'share.workers not changed: the module that is loaded does not have it'
	gone "$esx/share/workers"
}

test_set_writes_each_knob()
{
	fake_host "$root"
	ctl 0 set share.run=off share.pages_per_second=0 share.cpu_percent=100 \
		share.order=random share.target_seconds=600 share.workers=64 \
		share.break_large=always share.pressure_percent=0 large_pages=never
	is_silent
	[ "$(cat "$esx"/share/{run,pages_per_second,cpu_percent,order} \
		"$esx"/share/{target_seconds,workers,break_large,pressure_percent} \
		"$esx"/large_pages | tr '\n' ' ')" = '0 0 100 random 600 64 always 0 never ' ]
	local policy
	for policy in never pressure always; do
		ctl 0 set "share.break_large=$policy"
		[ "$(cat "$esx/share/break_large")" = "$policy" ]
	done
	ctl 0 set share.run=on
	[ "$(cat "$esx/share/run")" = 1 ]
}

test_set_writes_nothing_when_one_word_is_wrong()
{
	fake_host "$root"
	ctl 2 set share.cpu_percent=50 share.order=backwards
	complains "share.order cannot be 'backwards'; it is sequential or random"
	[ "$(cat "$esx/share/cpu_percent")" = 10 ]
}

test_set_refuses_bad_words()
{
	fake_host "$root"
	ctl 2 set
	complains 'KEY is one of: large_pages, share.run'
	ctl 2 set share.speed=1
	complains "no setting named 'share.speed'; there are: large_pages,"
	ctl 2 set share.run
	complains "'share.run' has no value; write share.run=VALUE, where VALUE is on or off"
	ctl 2 set share.run=yes
	ctl 2 set share.cpu_percent=0
	complains 'it is 1 to 100'
	ctl 2 set share.cpu_percent=101
	ctl 2 set share.cpu_percent=-5
	ctl 2 set share.cpu_percent=
	ctl 2 set share.cpu_percent=5x
	ctl 2 set share.pages_per_second=4294967296
	ctl 2 set large_pages=sometimes
	ctl 2 set share.workers=0
	complains "share.workers cannot be '0'; it is 1 to 64"
	ctl 2 set share.workers=65
	ctl 2 set share.break_large=sometimes
	complains 'it is never, pressure or always'
	ctl 2 set share.pressure_percent=101
	complains 'it is 0 to 100'
	ctl 2 set share.target_seconds=4294967296
	complains 'it is a number of seconds, 0 for no target'
	ctl 2 set share.run=on share.run=off
	complains 'share.run is given twice'
}

# --- VMs ---

test_vm_list_decodes_names()
{
	fake_host "$root"
	ctl 0 vm list
	is_silent
	grep -qE '^libvirt/qemu/1-db +192M +100M .* off +trusted +off$' "$WORK/out"
	grep -qE '^web1 +192M +100M +60M +40M +20M +4M on +none +on$' "$WORK/out"
	[ "$(head -n 1 "$WORK/out" | awk '{ print $1 }')" = NAME ]
}

test_vm_list_json_has_the_sysfs_names()
{
	fake_host "$root"
	ctl 0 vm list --json
	json_holds 'len(d["vms"]) == 2' \
		'[v["name"] for v in d["vms"]] == ["libvirt/qemu/1-db", "web1"]' \
		'd["vms"][1]["vcpu_time_ns"] == 2500000000' \
		'd["vms"][1]["attached"] is True' 'd["vms"][0]["share"] is False' \
		'd["vms"][0]["group"] == "trusted"' 'd["vms"][1]["group"] == ""'
	local keys
	keys=$(cd "$esx/vms/web1" && printf '%s\n' * name | sort | tr '\n' ' ')
	json_holds "' '.join(sorted(d['vms'][1])) + ' ' == '$keys'"
}

test_vm_list_columns_can_be_chosen()
{
	fake_host "$root"
	ctl 0 vm list --bytes --raw --noheadings -o name,SIZE,cow_breaks,VCPUTIME
	[ "$(tail -n 1 "$WORK/out")" = 'web1 201326592 12 2500000000' ]
	[ "$(wc -l <"$WORK/out")" -eq 2 ]
	ctl 0 vm list --json -o NAME
	json_holds 'd["vms"][1] == {"name": "web1"}'
	ctl 2 vm list -o NAME,COLOUR
	complains "no column named 'COLOUR'; there are: NAME, SIZE,"
	ctl 2 vm list -o ''
}

test_vm_list_of_no_vms_is_empty()
{
	fake_host "$root"
	rm -rf "$esx"/vms/*
	ctl 0 vm list --json
	json_holds 'd == {"vms": []}'
	ctl 0 vm list
	is_silent
}

test_vm_show_takes_either_name()
{
	fake_host "$root"
	ctl 0 vm show libvirt/qemu/1-db --json
	json_holds 'd["name"] == "libvirt/qemu/1-db"'
	ctl 0 vm show web1
	grep -qE '^VCPUTIME +2\.5s ' "$WORK/out"
	grep -qE '^ACTIVE +48M ' "$WORK/out"
	grep -qE '^SLOW +48M ' "$WORK/out"
	grep -qE '^FAST +32M ' "$WORK/out"
	grep -qE '^NOW +40M ' "$WORK/out"
	grep -qE '^RAW +56M ' "$WORK/out"
	grep -qE '^TOUCHED +25 ' "$WORK/out"
	grep -qE '^TZEROED +4 ' "$WORK/out"
	grep -qE '^TFREED +2 ' "$WORK/out"
	grep -qE '^METHOD +young ' "$WORK/out"
	ctl 0 vm show web1 --json
	json_holds 'd["active_bytes"] == 50331648' 'd["active_now_bytes"] == 41943040' \
		'd["sample_method"] == "young"' 'd["sample_periods"] == 9'
	ctl 1 vm show foo
	complains "no VM named 'foo'; \`esxmemctl vm list\` shows them"
	ctl 1 vm show ..
	ctl 1 vm show ''
	ctl 2 vm show
	ctl 2 vm show web1 web2
}

test_vm_set_writes_both_settings()
{
	fake_host "$root"
	ctl 0 vm set web1 share=off group=blue
	[ "$(cat "$esx/vms/web1/share")" = 0 ]
	[ "$(cat "$esx/vms/web1/group")" = blue ]
	ctl 0 vm set web1 group=none
	[ "$(cat "$esx/vms/web1/group")" = '' ]
	ctl 0 vm set libvirt/qemu/1-db share=on
	[ "$(cat "$esx/vms/libvirt!qemu!1-db/share")" = 1 ]
}

test_vm_set_writes_parameters()
{
	fake_host "$root"
	ctl 0 vm set web1 min=64M max=128M shares=5000 tax=50
	[ "$(cat "$esx/vms/web1/min_bytes")" = 67108864 ]
	[ "$(cat "$esx/vms/web1/max_bytes")" = 134217728 ]
	[ "$(cat "$esx/vms/web1/shares")" = 5000 ]
	[ "$(cat "$esx/vms/web1/tax_percent")" = 50 ]
	ctl 0 vm set web1 shares=default tax=default max=0
	[ "$(cat "$esx/vms/web1/shares")" = default ]
	[ "$(cat "$esx/vms/web1/tax_percent")" = default ]
	[ "$(cat "$esx/vms/web1/max_bytes")" = 0 ]
	local word
	for word in min=4097 min=-1 min=default max=x shares=1000000001 shares=1G tax=100 tax=; do
		ctl 2 vm set web1 min=0 $word
	done
	[ "$(cat "$esx/vms/web1/min_bytes")" = 67108864 ]
	ctl 0 set tax.tax_percent=50 tax.admission=strict tax.pool_bytes=1G
	[ "$(cat "$esx/tax/pool_bytes")" = 1073741824 ]
	ctl 2 set tax.admission=lax
	ctl 2 set tax.period_seconds=0
	ctl 2 set tax.hold_max_ms=0
	ctl 2 set tax.hold_max_ms=60001
}

test_vm_set_refuses_bad_words()
{
	fake_host "$root"
	local long
	long=$(printf 'x%.0s' {1..64})
	ctl 2 vm set web1 share=off group="$long"
	complains '1 to 63 characters'
	[ "$(cat "$esx/vms/web1/share")" = 1 ]
	ctl 0 vm set web1 group="${long:1}"
	ctl 2 vm set web1 group=
	ctl 2 vm set web1 group='a b'
	ctl 2 vm set web1 group=a/b
	ctl 2 vm set web1 colour=red
	complains "no setting named 'colour'; there are: share, group"
	ctl 2 vm set web1
	ctl 2 vm set
	ctl 2 vm set share=on
	complains 'needs the name of a VM'
	ctl 1 vm set foo share=on
	complains "no VM named 'foo'"
}

# --- pools ---

test_pool_list_and_show_have_the_sysfs_names()
{
	fake_host "$root"
	fake_pool "$root" 'libvirt!qemu' max_bytes=268435456 shares=500 effective_shares=500 \
		target_reason=max rho_ppm=7
	ctl 0 pool list --json
	is_silent
	json_holds '[p["name"] for p in d["pools"]] == ["libvirt", "libvirt/qemu"]' \
		'd["pools"][1]["max_bytes"] == 268435456' 'd["pools"][1]["shares"] == "500"' \
		'd["pools"][0]["shares"] == "default"' 'd["pools"][0]["members"] == 1'
	ctl 0 pool list
	grep -qE '^libvirt/qemu +1 +0[BK]? +256M +500 +500 ' "$WORK/out"
	ctl 0 pool show 'libvirt!qemu' --bytes
	grep -qE '^max +268435456 ' "$WORK/out" || grep -qE '^MAX +268435456 ' "$WORK/out"
	ctl 0 pool show libvirt/qemu --json
	json_holds 'd["target_reason"] == "max"' 'd["name"] == "libvirt/qemu"'
	ctl 1 pool show web1
	complains "no pool named 'web1'"
	ctl 2 pool show
	ctl 2 pool list libvirt
	ctl 0 vm list --raw --noheadings -o NAME,POOL
	prints 'libvirt/qemu/1-db libvirt!qemu'
}

test_pool_set_writes_parameters()
{
	fake_host "$root"
	ctl 0 pool set libvirt/qemu max=2G min=1G shares=7
	is_silent
	cd "$esx/pools/libvirt!qemu"
	[ "$(cat max_bytes min_bytes shares | tr '\n' ' ')" = '2147483648 1073741824 7 ' ]
	ctl 0 pool set libvirt/qemu shares=default
	[ "$(cat shares)" = default ]
	ctl 2 pool set libvirt/qemu min=0 shares=1000000001
	ctl 2 pool set libvirt/qemu min=5000
	ctl 2 pool set libvirt/qemu tax=5
	complains "no setting named 'tax'; there are: min, max, shares"
	ctl 2 pool set libvirt/qemu
	ctl 2 pool set min=0
	complains 'needs the name of a pool'
	ctl 1 pool set web1 min=0
	complains "no pool named 'web1'"
	[ "$(cat min_bytes)" = 1073741824 ]
}
