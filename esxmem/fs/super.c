// SPDX-License-Identifier: GPL-2.0
/*
 * The memory filesystem: mount, options, statfs.
 *
 * Mountable by the administrator alone, not in a user namespace: it hands out
 * memory that nobody can take back yet.
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "../compat.h"
#include "../punch.h"
#include "../tax/admit.h"
#include "../tax/policy.h"
#include "../uapi/esxmem.h"
#include "inode.h"
#include "super.h"

enum opt {
	OPT_SIZE,
	OPT_NR_INODES,
	OPT_MODE,
	OPT_UID,
	OPT_GID,
	OPT_SALT,
	OPT_MIN,
	OPT_MAX,
	OPT_SHARES,
	OPT_TAX,
};

static const struct constant_table salt_table[] = {
	{ "vm", ESX_SALT_BY_VM },
	{ "uid", ESX_SALT_BY_UID },
	{ "host", ESX_SALT_BY_HOST },
	{}
};

static const struct fs_parameter_spec params[] = {
	fsparam_string("size", OPT_SIZE),
	fsparam_string("nr_inodes", OPT_NR_INODES),
	fsparam_u32oct("mode", OPT_MODE),
	fsparam_u32("uid", OPT_UID),
	fsparam_u32("gid", OPT_GID),
	fsparam_enum("salt", OPT_SALT, salt_table),
	fsparam_string("min", OPT_MIN),
	fsparam_string("max", OPT_MAX),
	fsparam_u32("shares", OPT_SHARES),
	fsparam_u32("tax", OPT_TAX),
	{}
};

/* The options as given; which of them were, by bit of enum opt. */
struct options {
	unsigned long given;
	long limit;
	unsigned long max_inodes;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	enum esx_salt_policy salt;
	struct esx_vm_params vm;
};

static int parse_size(struct fs_context *fc, const char *arg, long *limit)
{
	unsigned long long size;
	char *rest;

	size = memparse(arg, &rest);
	if (*rest == '%' && rest > arg && size <= 10000) {
		size = mult_frac((u64)totalram_pages() << PAGE_SHIFT, size, 100);
		rest++;
	}
	if (*rest || rest == arg || size > (u64)LONG_MAX)
		return invalf(fc, "esxmem: size=%s is not a number of bytes (k, M, G allowed) or per cent of memory",
			      arg);
	*limit = size ? DIV_ROUND_UP(size, PAGE_SIZE) : LONG_MAX;
	return 0;
}

static int parse_nr_inodes(struct fs_context *fc, const char *arg, unsigned long *nr)
{
	char *rest;

	*nr = memparse(arg, &rest);
	if (*rest || rest == arg)
		return invalf(fc, "esxmem: nr_inodes=%s is not a number (k, M, G allowed)", arg);
	return 0;
}

static int parse_uid(struct fs_context *fc, u32 arg, kuid_t *uid)
{
	*uid = make_kuid(current_user_ns(), arg);
	return uid_valid(*uid) ? 0 : invalf(fc, "esxmem: uid=%u is not a user", arg);
}

static int parse_gid(struct fs_context *fc, u32 arg, kgid_t *gid)
{
	*gid = make_kgid(current_user_ns(), arg);
	return gid_valid(*gid) ? 0 : invalf(fc, "esxmem: gid=%u is not a group", arg);
}

static int parse_mode(struct fs_context *fc, u32 arg, umode_t *mode)
{
	if (arg & ~01777)
		return invalf(fc, "esxmem: mode=%o has bits beyond 1777", arg);
	*mode = arg;
	return 0;
}

static int parse_pages(struct fs_context *fc, const char *name, const char *arg, u64 *pages)
{
	unsigned long long size;
	char *rest;

	size = memparse(arg, &rest);
	if (*rest || rest == arg || size > (u64)LONG_MAX || size % PAGE_SIZE)
		return invalf(fc, "esxmem: %s=%s is not a number of whole pages in bytes (k, M, G allowed)",
			      name, arg);
	*pages = size / PAGE_SIZE;
	return 0;
}

static int parse_shares(struct fs_context *fc, u32 arg, u32 *shares)
{
	if (arg > ESX_SHARES_MAX)
		return invalf(fc, "esxmem: shares=%u is more than %u", arg, ESX_SHARES_MAX);
	*shares = arg;
	return 0;
}

static int parse_tax(struct fs_context *fc, u32 arg, u32 *percent)
{
	if (arg > ESX_TAX_PERCENT_MAX)
		return invalf(fc, "esxmem: tax=%u is more than %u per cent", arg,
			      ESX_TAX_PERCENT_MAX);
	*percent = arg;
	return 0;
}

static int parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct options *opts = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, params, param, &result);
	int err = 0;

	if (opt < 0)
		return opt;

	switch (opt) {
	case OPT_SIZE:
		err = parse_size(fc, param->string, &opts->limit);
		break;
	case OPT_NR_INODES:
		err = parse_nr_inodes(fc, param->string, &opts->max_inodes);
		break;
	case OPT_MODE:
		err = parse_mode(fc, result.uint_32, &opts->mode);
		break;
	case OPT_UID:
		err = parse_uid(fc, result.uint_32, &opts->uid);
		break;
	case OPT_GID:
		err = parse_gid(fc, result.uint_32, &opts->gid);
		break;
	case OPT_SALT:
		opts->salt = result.uint_32;
		break;
	case OPT_MIN:
		err = parse_pages(fc, "min", param->string, &opts->vm.min_pages);
		break;
	case OPT_MAX:
		err = parse_pages(fc, "max", param->string, &opts->vm.max_pages);
		break;
	case OPT_SHARES:
		err = parse_shares(fc, result.uint_32, &opts->vm.shares);
		break;
	case OPT_TAX:
		err = parse_tax(fc, result.uint_32, &opts->vm.tax_percent);
		break;
	}
	if (!err)
		opts->given |= BIT(opt);
	return err;
}

static int show_options(struct seq_file *m, struct dentry *root)
{
	struct esx_sb *sbi = esx_sb(root->d_sb);

	if (sbi->quota.limit != LONG_MAX)
		seq_printf(m, ",size=%luk", sbi->quota.limit << (PAGE_SHIFT - 10));
	if (sbi->max_inodes)
		seq_printf(m, ",nr_inodes=%lu", sbi->max_inodes);
	seq_printf(m, ",mode=%03o", sbi->mode);
	if (!uid_eq(sbi->uid, GLOBAL_ROOT_UID))
		seq_printf(m, ",uid=%u", from_kuid_munged(&init_user_ns, sbi->uid));
	if (!gid_eq(sbi->gid, GLOBAL_ROOT_GID))
		seq_printf(m, ",gid=%u", from_kgid_munged(&init_user_ns, sbi->gid));
	seq_printf(m, ",salt=%s", salt_table[sbi->salt].name);
	if (sbi->params.min_pages)
		seq_printf(m, ",min=%lluk", sbi->params.min_pages << (PAGE_SHIFT - 10));
	if (sbi->params.max_pages)
		seq_printf(m, ",max=%lluk", sbi->params.max_pages << (PAGE_SHIFT - 10));
	if (sbi->params.shares != ESX_SHARES_DEFAULT)
		seq_printf(m, ",shares=%u", sbi->params.shares);
	if (sbi->params.tax_percent != ESX_TAX_DEFAULT)
		seq_printf(m, ",tax=%u", sbi->params.tax_percent);
	return 0;
}

/*
 * Capacity is what the mount may hold, or the host's memory when it has no
 * limit; free is what is left of the one, but never more than the host could
 * give now.
 */
static int statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct esx_sb *sbi = esx_sb(dentry->d_sb);
	long limit = min_t(long, sbi->quota.limit, totalram_pages());
	long left = max(limit - atomic_long_read(&sbi->quota.used), 0L);

	buf->f_type = ESXMEM_MAGIC;
	buf->f_bsize = PAGE_SIZE;
	buf->f_namelen = NAME_MAX;
	buf->f_blocks = limit;
	buf->f_bfree = min(left, max(si_mem_available(), 0L));
	buf->f_bavail = buf->f_bfree;
	if (sbi->max_inodes) {
		buf->f_files = sbi->max_inodes;
		buf->f_ffree = sbi->max_inodes - atomic_long_read(&sbi->nr_inodes);
	}
	return 0;
}

static const struct super_operations super_ops = {
	.statfs = statfs,
	.drop_inode = generic_delete_inode,
	.evict_inode = esx_evict_inode,
	.show_options = show_options,
};

static const struct esx_vm_params default_params = {
	.shares = ESX_SHARES_DEFAULT,
	.tax_percent = ESX_TAX_DEFAULT,
};

static void apply_params(struct esx_vm_params *params, const struct options *opts)
{
	if (opts->given & BIT(OPT_MIN))
		params->min_pages = opts->vm.min_pages;
	if (opts->given & BIT(OPT_MAX))
		params->max_pages = opts->vm.max_pages;
	if (opts->given & BIT(OPT_SHARES))
		params->shares = opts->vm.shares;
	if (opts->given & BIT(OPT_TAX))
		params->tax_percent = opts->vm.tax_percent;
}

/* Do the options go together, with what @params and @limit were without them? */
static int check_params(struct fs_context *fc, struct esx_vm_params params, long limit)
{
	const struct options *opts = fc->fs_private;

	apply_params(&params, opts);
	if (opts->given & BIT(OPT_SIZE))
		limit = opts->limit;
	if (params.max_pages && params.min_pages > params.max_pages)
		return invalf(fc, "esxmem: min=%lluk is above max=%lluk",
			      params.min_pages << (PAGE_SHIFT - 10),
			      params.max_pages << (PAGE_SHIFT - 10));
	if (params.min_pages > limit)
		return invalf(fc, "esxmem: min=%lluk is above size=%ldk, which is for all VMs of the mount together",
			      params.min_pages << (PAGE_SHIFT - 10), limit << (PAGE_SHIFT - 10));
	return 0;
}

static void apply_limits(struct esx_sb *sbi, const struct options *opts)
{
	if (opts->given & BIT(OPT_SIZE))
		WRITE_ONCE(sbi->quota.limit, opts->limit);
	if (opts->given & BIT(OPT_NR_INODES))
		WRITE_ONCE(sbi->max_inodes, opts->max_inodes);
	if (opts->given & BIT(OPT_SALT))
		sbi->salt = opts->salt;
	apply_params(&sbi->params, opts);
}

static void apply_owner(struct esx_sb *sbi, const struct options *opts)
{
	if (opts->given & BIT(OPT_MODE))
		sbi->mode = opts->mode;
	if (opts->given & BIT(OPT_UID))
		sbi->uid = opts->uid;
	if (opts->given & BIT(OPT_GID))
		sbi->gid = opts->gid;
}

static struct esx_sb *alloc_sb_info(void)
{
	struct esx_sb *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);

	if (!sbi)
		return NULL;
	sbi->quota.limit = LONG_MAX;
	sbi->mode = 0700;
	sbi->params = default_params;
	sbi->uid = GLOBAL_ROOT_UID;
	sbi->gid = GLOBAL_ROOT_GID;
	return sbi;
}

/* What can be guaranteed to VMs is no more than what they can store. */
static int limit_minima(struct esx_sb *sbi, long limit)
{
	return esx_admit_limit_mount(sbi->pool, limit == LONG_MAX ? 0 : limit);
}

static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct esx_sb *sbi = alloc_sb_info();

	if (!sbi)
		return -ENOMEM;
	apply_limits(sbi, fc->fs_private);
	apply_owner(sbi, fc->fs_private);
	sb->s_fs_info = sbi;

	/* Whole pages, so that rounding a size up cannot overflow. */
	sb->s_maxbytes = MAX_LFS_FILESIZE & PAGE_MASK;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = ESXMEM_MAGIC;
	sb->s_time_gran = 1;
	sb->s_op = &super_ops;
	/*
	 * SB_I_NOEXEC would refuse executable mappings before esxmem could say
	 * why; inode.c and vma.c refuse them instead.  What cannot be executed
	 * needs no protection against set-user-ID bits.
	 */
	sb->s_iflags |= SB_I_NODEV;
	sb->s_root = d_make_root(esx_make_root(sb));
	if (!sb->s_root)
		return -ENOMEM;
	return limit_minima(sbi, sbi->quota.limit);
}

static int get_tree(struct fs_context *fc)
{
	int err = check_params(fc, default_params, LONG_MAX);

	return err ? err : get_tree_nodev(fc, fill_super);
}

static int reconfigure(struct fs_context *fc)
{
	struct esx_sb *sbi = esx_sb(fc->root->d_sb);
	struct options *opts = fc->fs_private;
	int err = check_params(fc, sbi->params, sbi->quota.limit);

	if (err)
		return err;
	if ((opts->given & BIT(OPT_SIZE)) && opts->limit < atomic_long_read(&sbi->quota.used))
		return invalf(fc, "esxmem: size= is below the %ld KiB in use",
			      atomic_long_read(&sbi->quota.used) << (PAGE_SHIFT - 10));
	if ((opts->given & BIT(OPT_NR_INODES)) && opts->max_inodes &&
	    opts->max_inodes < atomic_long_read(&sbi->nr_inodes))
		return invalf(fc, "esxmem: nr_inodes= is below the %ld in use",
			      atomic_long_read(&sbi->nr_inodes));
	if (opts->given & (BIT(OPT_MODE) | BIT(OPT_UID) | BIT(OPT_GID)))
		return invalf(fc, "esxmem: mode=, uid= and gid= are for the first mount; use chmod and chown");
	if ((opts->given & BIT(OPT_SIZE)) && limit_minima(sbi, opts->limit))
		return invalf(fc, "esxmem: size= is below the minima of the VMs together");
	apply_limits(sbi, opts);
	return 0;
}

static void free_context(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations context_ops = {
	.parse_param = parse_param,
	.get_tree = get_tree,
	.reconfigure = reconfigure,
	.free = free_context,
};

static int init_context(struct fs_context *fc)
{
	fc->fs_private = kzalloc(sizeof(struct options), GFP_KERNEL);
	if (!fc->fs_private)
		return -ENOMEM;
	fc->ops = &context_ops;
	return 0;
}

static void kill_sb(struct super_block *sb)
{
	struct esx_sb *sbi = esx_sb(sb);

	kill_litter_super(sb);
	kfree(sbi);
}

static struct file_system_type fs_type = {
	.owner = THIS_MODULE,
	.name = "esxmem",
	.init_fs_context = init_context,
	.parameters = params,
	.kill_sb = kill_sb,
};
MODULE_ALIAS_FS("esxmem");

/**
 * esx_fs_init() - register the filesystem
 *
 * Return: 0 or why not.
 */
int esx_fs_init(void)
{
	return register_filesystem(&fs_type);
}

/**
 * esx_fs_exit() - unregister it; no mount is left, a mount holds the module
 */
void esx_fs_exit(void)
{
	unregister_filesystem(&fs_type);
}
