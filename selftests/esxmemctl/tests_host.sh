# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by who sources this
# shellcheck disable=SC2016 # a backquote in a message
#
# Tests of esxmemctl: doctor, and what is installed beside the program.

# --- doctor ---

# $1 check, $2 result.
finds()
{
	json_holds "[c['result'] for c in d['checks'] if c['check'] == '$1'] == ['$2']"
}

test_doctor_is_content_with_a_good_host()
{
	fake_host "$root"
	fake_device
	local release
	release=$(uname -r)
	mkdir -p "$root/lib/modules/$release/build"
	: >"$root/lib/modules/$release/build/Makefile"
	fake_values "$root/sys/module/kvm_amd/parameters" npt=1
	fake_process "$root" 502 qemu-system-x86 "$mnt/libvirt/qemu/1-db/pc.ram"
	fake_process "$root" 503 virtiofsd "$mnt/libvirt/qemu/1-db/memdimm0"
	ctl 0 doctor --json
	finds module ok
	finds module-kvm ok
	finds module-file warn
	finds headers ok
	finds signature ok
	finds device ok
	finds mount ok
	finds kvm ok
	finds nested-paging ok
	finds ksm ok
	finds ksmtuned ok
	finds mom ok
	finds orphans ok
	json_holds 'd["fail"] == 0' 'd["warn"] == 1'
	prints "$mnt with rw,nosuid,nodev,noexec,salt=vm"
}

# A host with a policy that has everything in order; the arguments change tax/.
fake_policy_host()
{
	fake_host "$root"
	fake_policy "$root"
	fake_device
	fake_values "$esx/tax" refusals=0 sample_run=1 sample_method=young \
		sample_fallbacks=0 state_free_bytes=4294967296 state_high_ms=1000000 \
		state_soft_ms=99000 state_hard_ms=0 state_low_ms=0 "$@"
}

# $1 TAX-FILE=VALUE, $2 check that warns then, $3 what it says, $4 what it advises.
warns_of()
{
	fake_policy_host "$1"
	ctl 0 doctor --json
	finds "$2" warn
	json_holds "[c['check'] for c in d['checks'] if c['result'] == 'warn' and c['check'] in ('enforcement', 'pool', 'admission', 'state', 'sampling')] == ['$2']" \
		"'$3' in [c['message'] for c in d['checks'] if c['check'] == '$2'][0]" \
		"'$4' in [c['advice'] for c in d['checks'] if c['check'] == '$2'][0]"
}

test_doctor_is_content_with_a_good_policy()
{
	local check
	fake_policy_host
	ctl 0 doctor --json
	for check in enforcement pool admission state sampling; do
		finds "$check" ok
	done
	prints '64M of 7G are reserved'
	prints 'relaxed: a VM'
	fake_policy_host admission=strict
	ctl 0 doctor
	prints "strict: a VM's maximum must be unreserved"
}

test_doctor_knows_what_is_wrong_with_the_policy()
{
	warns_of reclaim=0 enforcement 'targets are computed only' 'tax.reclaim=on'
	warns_of shortfall_bytes=1073741824 pool 'is 1G smaller than' 'tax.pool_bytes'
	warns_of reserved_bytes=6800000000 pool 'are reserved' 'lower minima'
	warns_of refusals=3 admission 'not admitted, 3 times' 'lower minima'
	warns_of state=soft state 'soft: the host is short of memory, 4G are free' 'esxmemctl top'
	warns_of state=low state 'guests may be slow' 'esxmemctl top'
	warns_of state_hard_ms=20000 state 'short of memory for 10 %' 'state_soft_pm'
	warns_of sample_run=0 sampling 'idle memory is not taxed' 'sample_run'
	warns_of sample_fallbacks=7 sampling '7 periods' 'ATTACHED'
	fake_policy_host admission=strict refusals=1
	ctl 0 doctor
	prints 'tax.admission=relaxed'
	fake_policy_host
	rm -r "$root/sys/module/esxmem_kvm"
	ctl 0 doctor --json
	finds sampling warn
	prints 'neither run time nor accessed bits'
}

test_doctor_judges_no_policy_where_there_is_none()
{
	fake_policy_host
	fake_no_policy "$root"
	ctl 0 doctor --json
	json_holds 'not {c["check"] for c in d["checks"]} & {"enforcement", "pool", "admission", "state", "sampling"}'
}

test_doctor_fails_on_an_empty_host()
{
	rm -rf "$root"
	fake_mounts "$root"
	ctl 1 doctor --json
	finds module fail
	finds module-kvm warn
	finds module-file fail
	finds headers fail
	finds device fail
	finds mount fail
	finds kvm fail
	json_holds 'all(c["advice"] for c in d["checks"] if c["result"] == "fail")'
	ctl 1 doctor
	grep -qE '^fail +mount +the memory filesystem is not mounted' "$WORK/out"
	grep -qE -- '-> `mount -t esxmem' "$WORK/out"
}

test_doctor_names_rivals()
{
	fake_host "$root"
	fake_device
	fake_values "$root/sys/kernel/mm/ksm" run=1
	fake_process "$root" 601 ksmtuned
	fake_process "$root" 602 momd
	fake_values "$root/sys/module/kvm_intel/parameters" ept=N
	ctl 0 doctor --json
	finds ksm warn
	finds ksmtuned warn
	finds mom warn
	finds nested-paging warn
	prints 'momd runs as process 602'
}

test_doctor_names_orphans()
{
	fake_host "$root"
	fake_device
	ctl 0 doctor --json
	json_holds "sorted(c['result'] for c in d['checks'] if c['check'] == 'orphans') == ['warn', 'warn']"
	prints "no process maps $mnt/libvirt/qemu/1-db/pc.ram"
	ctl 0 create vm2 1M
	ctl 0 doctor
	prints "no process maps $mnt/vm2, which holds 0B"
}

test_doctor_explains_rejected_keys()
{
	fake_host "$root"
	rm -rf "$root/sys/module/esxmem" "$esx"
	fake_values "$root/sys/kernel/security" 'lockdown=none [integrity] confidentiality'
	ctl 1 doctor --json
	finds signature fail
	prints 'the kernel is locked down'
	prints 'mokutil --import /var/lib/dkms/mok.pub'
	rm "$root/sys/kernel/security/lockdown"
	mkdir -p "$root/sys/firmware/efi/efivars"
	printf '\6\0\0\0\1' >"$root/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	mkdir -p "$root/var/lib/shim-signed/mok"
	: >"$root/var/lib/shim-signed/mok/MOK.der"
	ctl 1 doctor --json
	finds signature fail
	prints 'Secure Boot is on'
	prints 'mokutil --import /var/lib/shim-signed/mok/MOK.der'
	printf '\6\0\0\0\0' >"$root/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	ctl 1 doctor --json
	finds signature ok
}

test_doctor_sees_a_device_that_does_not_answer()
{
	fake_host "$root"
	fake_device
	FAKE_ERRNO=25 ctl 1 doctor --json
	finds device fail
	echo 0.0.9 >"$esx/version"
	ctl 0 doctor --json
	finds module warn
	prints 'the module is version 0.0.9'
}

# --- what is installed ---

test_install_puts_files_in_place()
{
	make -s -C "$top/tools" install DESTDIR="$WORK/inst" PREFIX=/usr
	test -x "$WORK/inst/usr/bin/esxmemctl"
	test -s "$WORK/inst/usr/share/man/man8/esxmemctl.8"
	test -s "$WORK/inst/usr/share/man/man5/esxmemfs.5"
	test -s "$WORK/inst/usr/share/bash-completion/completions/esxmemctl"
	test -x "$WORK/inst/usr/share/esxmem/bpftrace/share_rate.bt"
}

test_manual_explains_every_command_and_option()
{
	local page=$top/tools/man/esxmemctl.8 name option
	for name in status show set 'vm list' 'vm show' 'vm set' 'share now' \
		'share stats' reclaim top explain run create clone remove doctor; do
		grep -qF "$name" "$page"
		# shellcheck disable=SC2086 # two words
		ctl 0 $name --help
		while read -r option; do
			grep -qF -- "${option//-/\\-}" "$page" || {
				echo "# the manual does not know $option of $name"
				return 1
			}
		done < <(sed -nE 's/^  (-.,|   ) (--[a-z-]+).*/\2/p' "$WORK/out")
	done
	make -s -C "$top/tools" check
}

# Words that bash offers behind the words given.
complete()
{
	# shellcheck disable=SC2016 # for the inner bash
	ESXMEM_TEST_ROOT=$root bash -c '
		. "$1"; shift
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
		_esxmemctl; printf "%s\n" "${COMPREPLY[@]}"' \
		_ "$top/tools/completion/esxmemctl" "$@" >"$WORK/out"
}

test_completion_knows_commands_and_options()
{
	fake_host "$root"
	PATH=$top/tools/esxmemctl:$PATH
	complete esxmemctl ''
	prints doctor
	complete esxmemctl vm se
	[ "$(cat "$WORK/out")" = set ]
	complete esxmemctl vm list --no
	[ "$(cat "$WORK/out")" = --noheadings ]
	complete esxmemctl vm show we
	[ "$(cat "$WORK/out")" = web1 ]
	complete esxmemctl set share.o
	prints share.order=
	complete esxmemctl set share.b
	[ "$(cat "$WORK/out")" = share.break_large= ]
	complete esxmemctl reclaim we
	[ "$(cat "$WORK/out")" = web1 ]
	complete esxmemctl reclaim web1 a
	[ "$(cat "$WORK/out")" = all ]
	complete esxmemctl to
	[ "$(cat "$WORK/out")" = top ]
	complete esxmemctl top --it
	[ "$(cat "$WORK/out")" = --iterations ]
	complete esxmemctl top --sort COW
	[ "$(cat "$WORK/out")" = COWB/s ]
	complete esxmemctl explain we
	[ "$(cat "$WORK/out")" = web1 ]
	complete esxmemctl vm set web1 gr
	prints group=
}
