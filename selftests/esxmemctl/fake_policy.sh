# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The policy of a kernel made of files: parameters and targets of VMs, the host's
# memory and state.  Comes on top of fake.sh.

# $1 root, $2 VM as sysfs names it, the rest overrides.
fake_parameters()
{
	local root=$1 vm=$2
	shift 2
	fake_values "$root/sys/kernel/esxmem/vms/$vm" min_bytes=0 max_bytes=0 \
		shares=default effective_shares=1920 tax_percent=default \
		reserved_bytes=0 target_bytes=201326592 rho_ppm=39062 \
		target_reason=max "$@"
}

# $1 root: MemTotal 8 GiB, MemFree 3 GiB, MemAvailable 4 GiB.
fake_memory()
{
	mkdir -p "$1/proc"
	printf '%s %15d kB\n' MemTotal: 8388608 MemFree: 3145728 \
		MemAvailable: 4194304 Buffers: 1024 >"$1/proc/meminfo"
}

# $1 root: what fake_host() made has the policy, too.
fake_policy()
{
	local root=$1
	fake_memory "$root"
	fake_values "$root/sys/kernel/esxmem/tax" tax_percent=75 progressive=0 \
		period_seconds=15 admission=relaxed pool_bytes=7516192768 \
		reserved_bytes=67502080 shortfall_bytes=0 state=high
	fake_parameters "$root" web1 min_bytes=67108864 reserved_bytes=67502080
	fake_parameters "$root" 'libvirt!qemu!1-db' shares=5760 effective_shares=5760 \
		tax_percent=50 target_bytes=134217728 target_reason=tax rho_ppm=123456 \
		max_bytes=167772160
}

# $1 root: leaves what a module has that gives VMs memory without a policy.
fake_no_policy()
{
	local esx=$1/sys/kernel/esxmem
	rm -rf "$esx/tax"
	(cd "$esx/vms" && rm -f ./*/{min_bytes,max_bytes,shares,effective_shares} \
		./*/{tax_percent,reserved_bytes,target_bytes,rho_ppm,target_reason})
}
