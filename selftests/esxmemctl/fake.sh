# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A kernel made of files: everything that esxmemctl reads, below $1.

# $1 directory, the rest FILE=VALUE.
fake_values()
{
	local dir=$1 pair
	shift
	mkdir -p "$dir"
	for pair in "$@"; do
		echo "${pair#*=}" >"$dir/${pair%%=*}"
	done
}

# $1 root, $2 VM as sysfs names it, the rest overrides.
fake_vm()
{
	local root=$1 vm=$2
	shift 2
	fake_values "$root/sys/kernel/esxmem/vms/$vm" \
		share=1 group= size_bytes=201326592 backed_bytes=104857600 \
		private_bytes=62914560 shared_bytes=41943040 \
		zero_bytes=20971520 huge_bytes=4194304 cow_breaks=12 \
		faults=3456 merged_pages=10240 attached=1 ept_violations=789 \
		vmm_faults=55 vcpu_time_ns=2500000000 active_bytes=50331648 \
		active_slow_bytes=50331648 active_fast_bytes=33554432 \
		active_now_bytes=41943040 active_coarse_bytes=16777216 \
		active_host_bytes=2097152 active_raw_bytes=58720256 sampled_pages=100 \
		touched_pages=25 touched_coarse_pages=8 touched_host_pages=1 \
		touched_zeroed_pages=4 touched_freed_pages=2 sample_periods=9 \
		sample_method=young min_bytes=67108864 max_bytes=0 shares=default \
		effective_shares=1920 tax_percent=default reserved_bytes=67502080 \
		target_bytes=201326592 held_bytes=104857600 reclaimed_bytes=0 on_hold=0 \
		hold_waiters=0 hold_faults=3 hold_ns=1500000000 rho_ppm=39062 target_reason=max pool= "$@"
}

# $1 root, $2 pool as sysfs names it, the rest overrides.
fake_pool()
{
	local root=$1 pool=$2
	shift 2
	fake_values "$root/sys/kernel/esxmem/pools/$pool" \
		members=1 min_bytes=0 max_bytes=0 shares=default effective_shares=1920 \
		reserved_bytes=67502080 active_bytes=50331648 target_bytes=201326592 \
		rho_ppm=0 target_reason=none "$@"
}

# $1 root, the rest mount points.
fake_mounts()
{
	local root=$1 point id=40
	shift
	mkdir -p "$root/proc/self"
	echo "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw" \
		>"$root/proc/self/mountinfo"
	for point in "$@"; do
		id=$((id + 1))
		mkdir -p "$point"
		echo "$id 22 0:$id / $point rw,nosuid,nodev,noexec - esxmem esxmem rw,salt=vm" \
			>>"$root/proc/self/mountinfo"
	done
}

# $1 root, $2 process id, $3 name, then a file that it maps, if any.
fake_process()
{
	local dir=$1/proc/$2
	fake_values "$dir" "comm=$3"
	: >"$dir/maps"
	[ $# -gt 3 ] || return 0
	stat -c '7f0000000000-7f0000001000 rw-s 00000000 %Hd:%Ld %i %n' "$4" |
		awk '{ split($4, d, ":");
		       printf "%s %s %s %02x:%02x %s %s\n", $1, $2, $3, d[1], d[2], $5, $6 }' \
			>>"$dir/maps"
}

# $1 root: leaves what the first version of the module had.
fake_old_module()
{
	(cd "$1/sys/kernel/esxmem/share" &&
		rm target_seconds workers break_large pressure_percent huge_joined \
			hashed_pages clean_pages backed_off_pages unmap_ranges \
			shareable_bytes shareable_large_pages table_bytes)
}

# $1 root: a host with two VMs, a mount and no device.
fake_host()
{
	local root=$1 esx=$1/sys/kernel/esxmem
	rm -rf "$root"
	fake_values "$esx" version=0.1.0 large_pages=always
	fake_values "$esx/share" run=1 pages_per_second=20000 cpu_percent=10 \
		order=sequential target_seconds=0 workers=1 \
		break_large=pressure pressure_percent=10 full_scans=7 scanned_pages=100000 \
		merged_pages=20480 zero_merged_pages=10240 shared_pages=20480 \
		shared_frames=5120 zero_pages=10240 hints=333 cow_breaks=24 \
		hash_mismatches=2 false_matches=0 pinned_pages=5 busy_pages=6 \
		huge_broken=1 huge_joined=3 hashed_pages=40000 clean_pages=60000 \
		backed_off_pages=17 unmap_ranges=250 shareable_bytes=3461120 \
		shareable_large_pages=4 table_bytes=819200
	fake_values "$esx/tax" tax_percent=75 progressive=0 reclaim=1 hold=1 hold_max_ms=10 period_seconds=15 \
		admission=relaxed pool_bytes=7516192768
	mkdir -p "$esx/vms" "$esx/pools"
	fake_vm "$root" web1
	fake_vm "$root" 'libvirt!qemu!1-db' share=0 group=trusted attached=0 'pool=libvirt!qemu'
	fake_pool "$root" libvirt
	fake_pool "$root" 'libvirt!qemu'
	fake_mounts "$root" "$root/mnt"
	mkdir -p "$root/dev" "$root/sys/module/esxmem" "$root/sys/module/esxmem_kvm"
	: >"$root/dev/kvm"
	truncate -s 128M "$root/mnt/web1"
	mkdir -p "$root/mnt/libvirt/qemu/1-db"
	truncate -s 16M "$root/mnt/libvirt/qemu/1-db/pc.ram"
	truncate -s 4M "$root/mnt/libvirt/qemu/1-db/memdimm0"
	fake_process "$root" 501 qemu-system-x86 "$root/mnt/web1"
}
