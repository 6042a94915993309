// SPDX-License-Identifier: GPL-2.0
/*
 * In a VM's directory: its parameters and what they entitle it to.
 */
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../tax/admit.h"
#include "../tax/enforce.h"
#include "../tax/policy.h"
#include "../vm.h"
#include "parse.h"
#include "sysfs_vm.h"

static struct esx_vm_params params_of(struct esx_vm_dir *dir)
{
	struct esx_vm_params params;

	esx_admit_params(dir->vm, &params, NULL);
	return params;
}

static ssize_t set(struct esx_vm_dir *dir, enum esx_param param, u64 value, int err, size_t len)
{
	if (!err)
		err = esx_admit_set_param(dir->vm, param, value);
	return err ? err : len;
}

static ssize_t set_pages(struct esx_vm_dir *dir, enum esx_param param, const char *buf, size_t len)
{
	u64 pages = 0;
	int err = esx_parse_pages(buf, &pages);

	return set(dir, param, pages, err, len);
}

static ssize_t set_number(struct esx_vm_dir *dir, enum esx_param param, u32 max, const char *buf,
			  size_t len)
{
	u32 number = 0;
	int err = esx_parse_u32_or_default(buf, max, &number);

	return set(dir, param, number, err, len);
}

static ssize_t min_bytes_show(struct esx_vm_dir *dir, char *buf)
{
	return sysfs_emit(buf, "%llu\n", params_of(dir).min_pages << PAGE_SHIFT);
}

static ssize_t min_bytes_store(struct esx_vm_dir *dir, const char *buf, size_t len)
{
	return set_pages(dir, ESX_PARAM_MIN, buf, len);
}

static ssize_t max_bytes_show(struct esx_vm_dir *dir, char *buf)
{
	return sysfs_emit(buf, "%llu\n", params_of(dir).max_pages << PAGE_SHIFT);
}

static ssize_t max_bytes_store(struct esx_vm_dir *dir, const char *buf, size_t len)
{
	return set_pages(dir, ESX_PARAM_MAX, buf, len);
}

static ssize_t shares_show(struct esx_vm_dir *dir, char *buf)
{
	return esx_emit_u32_or_default(buf, params_of(dir).shares);
}

static ssize_t shares_store(struct esx_vm_dir *dir, const char *buf, size_t len)
{
	return set_number(dir, ESX_PARAM_SHARES, ESX_SHARES_MAX, buf, len);
}

static ssize_t tax_percent_show(struct esx_vm_dir *dir, char *buf)
{
	return esx_emit_u32_or_default(buf, params_of(dir).tax_percent);
}

static ssize_t tax_percent_store(struct esx_vm_dir *dir, const char *buf, size_t len)
{
	return set_number(dir, ESX_PARAM_TAX, ESX_TAX_PERCENT_MAX, buf, len);
}

ESX_VM_SETTING(min_bytes);
ESX_VM_SETTING(max_bytes);
ESX_VM_SETTING(shares);
ESX_VM_SETTING(tax_percent);

static u64 effective_shares(struct esx_vm *vm)
{
	struct esx_terms terms;

	esx_admit_params(vm, NULL, &terms);
	return terms.shares;
}

static u64 reserved_bytes(struct esx_vm *vm)
{
	return esx_admit_reserved(vm) << PAGE_SHIFT;
}

static u64 target_bytes(struct esx_vm *vm)
{
	return READ_ONCE(vm->entitled.target) << PAGE_SHIFT;
}

static u64 rho_ppm(struct esx_vm *vm)
{
	return READ_ONCE(vm->entitled.rho_ppm);
}

static u64 held_bytes(struct esx_vm *vm)
{
	return esx_enforce_held(vm) << PAGE_SHIFT;
}

static u64 reclaimed_bytes(struct esx_vm *vm)
{
	return READ_ONCE(vm->enforced.reclaimed) << PAGE_SHIFT;
}

static u64 on_hold(struct esx_vm *vm)
{
	return esx_hold_is_on(vm);
}

static u64 hold_waiters(struct esx_vm *vm)
{
	return max(atomic_read(&vm->hold.nr_waiting), 0);
}

static u64 hold_faults(struct esx_vm *vm)
{
	return atomic64_read(&vm->events.nr[ESX_EV_HOLD]);
}

static u64 hold_ns(struct esx_vm *vm)
{
	return atomic64_read(&vm->events.nr[ESX_EV_HOLD_NS]);
}

ESX_VM_FIGURE(on_hold, 0400);
ESX_VM_FIGURE(hold_waiters, 0400);
ESX_VM_FIGURE(hold_faults, 0400);
ESX_VM_FIGURE(hold_ns, 0400);
ESX_VM_FIGURE_OF_ALL(held_bytes, 0400);
ESX_VM_FIGURE(reclaimed_bytes, 0400);
ESX_VM_FIGURE(effective_shares, 0400);
ESX_VM_FIGURE(reserved_bytes, 0400);
ESX_VM_FIGURE(target_bytes, 0400);
ESX_VM_FIGURE(rho_ppm, 0400);

static ssize_t target_reason_show(struct esx_vm_dir *dir, char *buf)
{
	return sysfs_emit(buf, "%s\n", esx_claim_why_names[READ_ONCE(dir->vm->entitled.why)]);
}

static struct esx_vm_attr target_reason_attr = {
	.attr = { .name = "target_reason", .mode = 0400 },
	.show = target_reason_show,
};

static struct attribute *params_attrs[] = {
	&min_bytes_attr.attr,
	&max_bytes_attr.attr,
	&shares_attr.attr,
	&tax_percent_attr.attr,
	&held_bytes_attr.attr,
	&reclaimed_bytes_attr.attr,
	&on_hold_attr.attr,
	&hold_waiters_attr.attr,
	&hold_faults_attr.attr,
	&hold_ns_attr.attr,
	&effective_shares_attr.attr,
	&reserved_bytes_attr.attr,
	&target_bytes_attr.attr,
	&rho_ppm_attr.attr,
	&target_reason_attr.attr,
	NULL,
};

const struct attribute_group esx_params_attr_group = {
	.attrs = params_attrs,
};
