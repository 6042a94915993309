// SPDX-License-Identifier: GPL-2.0
/*
 * Directories and memory files: make, remove, rename, attributes.
 *
 * A memory file's page map hangs from inode->i_private, a directory's resource
 * pool likewise.  A directory that directly holds files is a VM; a file in the
 * root is one of its own.  So a file cannot move to another directory: it would
 * change its VM, and with it its salt, its limits and whom it may share with.  A
 * directory can: its VMs are then in other pools, if these have room for what the
 * VMs have reserved.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dcache.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../pool.h"
#include "../punch.h"
#include "../share/hash.h"
#include "../tax/admit.h"
#include "../uapi/esxmem.h"
#include "../vm.h"
#include "file.h"
#include "inode.h"
#include "super.h"

/*
 * Frames carry the address space so that GUP-fast takes them for file pages;
 * nothing is ever written back.
 */
static const struct address_space_operations aops = {
	.dirty_folio = noop_dirty_folio,
};

static const struct inode_operations file_iops;
static const struct inode_operations dir_iops;

static bool charge_inode(struct esx_sb *sbi)
{
	unsigned long max = READ_ONCE(sbi->max_inodes);

	if (atomic_long_inc_return(&sbi->nr_inodes) <= max || !max)
		return true;
	atomic_long_dec(&sbi->nr_inodes);
	return false;
}

static struct inode *make_inode(struct super_block *sb, struct mnt_idmap *idmap,
				struct inode *dir, umode_t mode)
{
	struct esx_sb *sbi = esx_sb(sb);
	struct inode *inode;

	if (!charge_inode(sbi))
		return ERR_PTR(-ENOSPC);
	inode = new_inode(sb);
	if (!inode) {
		atomic_long_dec(&sbi->nr_inodes);
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = atomic64_inc_return(&sbi->last_ino);
	inode_init_owner(idmap, inode, dir, mode);
	esx_inode_init_times(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &dir_iops;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);
	} else {
		inode->i_op = &file_iops;
		inode->i_fop = &esx_file_fops;
		inode->i_mapping->a_ops = &aops;
	}
	return inode;
}

/* @parent: pool of the directory that it is in; NULL for the root; @path: its own */
static struct inode *make_dir(struct super_block *sb, struct mnt_idmap *idmap, struct inode *dir,
			      umode_t mode, struct esx_pool *parent, const char *path)
{
	struct inode *inode = make_inode(sb, idmap, dir, mode | S_IFDIR);
	struct esx_pool *pool;

	if (IS_ERR(inode))
		return inode;
	pool = esx_pool_create(sb, parent, path);
	if (IS_ERR(pool)) {
		clear_nlink(inode);
		iput(inode);
		return ERR_CAST(pool);
	}
	inode->i_private = pool;
	return inode;
}

/**
 * esx_make_root() - make the root directory
 * @sb: the superblock, whose esx_sb is set
 *
 * Return: the inode or NULL.
 */
struct inode *esx_make_root(struct super_block *sb)
{
	struct esx_sb *sbi = esx_sb(sb);
	struct inode *inode = make_dir(sb, &nop_mnt_idmap, NULL, sbi->mode, NULL, "");

	if (IS_ERR(inode))
		return NULL;
	sbi->pool = inode->i_private;
	inode->i_uid = sbi->uid;
	inode->i_gid = sbi->gid;
	return inode;
}

/* Path below the mount, without the leading slash; "" for the root. */
static const char *tree_path(struct dentry *dentry, char *buf, int size)
{
	char *path = dentry_path_raw(dentry, buf, size);

	return IS_ERR(path) ? (const char *)dentry->d_name.name : path + 1;
}

static u64 salt_for(struct inode *inode)
{
	switch (esx_sb(inode->i_sb)->salt) {
	case ESX_SALT_BY_UID:
		return esx_salt_uid(from_kuid(&init_user_ns, inode->i_uid));
	case ESX_SALT_BY_HOST:
		return esx_salt_host();
	default:
		return 0;
	}
}

/* @named: false for O_TMPFILE, whose @dentry has no name of its own. */
static int join_vm(struct inode *inode, struct inode *dir, struct dentry *dentry, bool named)
{
	bool in_root = dir == d_inode(dir->i_sb->s_root);
	struct esx_pmap *pmap = inode->i_private;
	struct esx_vm_id id = {
		.host = inode->i_sb,
		.ino = in_root ? inode->i_ino : dir->i_ino,
		.salt = salt_for(inode),
		.pool = dir->i_private,
		.params = &esx_sb(inode->i_sb)->params,
	};
	struct dentry *alias;
	char *buf;
	int err;

	buf = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (in_root && named) {
		id.name = tree_path(dentry, buf, PATH_MAX);
	} else if (in_root) {
		snprintf(buf, PATH_MAX, "#%lu", inode->i_ino);
		id.name = buf;
	} else {
		alias = d_find_any_alias(dir);
		id.name = alias ? tree_path(alias, buf, PATH_MAX) : "#";
		dput(alias);
	}
	err = esx_vm_join(pmap, &id);
	kfree(buf);
	return err;
}

static struct inode *make_file(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			       umode_t mode, bool named)
{
	struct inode *inode = make_inode(dir->i_sb, idmap, dir, mode | S_IFREG);
	struct esx_pmap *pmap;
	int err = -ENOMEM;

	if (IS_ERR(inode))
		return inode;

	pmap = esx_pmap_create(inode->i_mapping, &esx_sb(dir->i_sb)->quota);
	if (!pmap)
		goto err_iput;
	pmap->ino = inode->i_ino;
	inode->i_private = pmap;

	err = join_vm(inode, dir, dentry, named);
	if (err)
		goto err_put_pmap;
	return inode;

err_put_pmap:
	inode->i_private = NULL;
	esx_pmap_put(pmap);
err_iput:
	clear_nlink(inode);
	iput(inode);
	return ERR_PTR(err);
}

static void evict_pmap(struct esx_pmap *pmap)
{
	pgoff_t nr_pages = pmap->nr_pages;

	esx_pmap_kill(pmap);
	esx_admit_resize(pmap->vm, nr_pages, 0);
	esx_vm_leave(pmap);
	esx_pmap_put(pmap);
}

/**
 * esx_evict_inode() - an inode goes, and its memory, or its pool, with it
 * @inode: no file, mapping or name of it is left
 */
void esx_evict_inode(struct inode *inode)
{
	if (inode->i_private && S_ISDIR(inode->i_mode))
		esx_pool_remove(inode->i_private);
	else if (inode->i_private)
		evict_pmap(inode->i_private);
	inode->i_private = NULL;
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	atomic_long_dec(&esx_sb(inode->i_sb)->nr_inodes);
}

static void instantiate(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	/* The extra reference keeps the name in the cache until unlink. */
	d_instantiate(dentry, inode);
	dget(dentry);
	esx_inode_touch_mtime(dir);
}

static int create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode,
		  bool excl)
{
	struct inode *inode = make_file(idmap, dir, dentry, mode, true);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	instantiate(dir, dentry, inode);
	return 0;
}

static int tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file, umode_t mode)
{
	struct inode *inode = make_file(idmap, dir, file->f_path.dentry, mode, false);

	if (IS_ERR(inode))
		return finish_open_simple(file, PTR_ERR(inode));
	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static int mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode;
	char *buf;

	buf = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	inode = make_dir(dir->i_sb, idmap, dir, mode, dir->i_private,
			 tree_path(dentry, buf, PATH_MAX));
	kfree(buf);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	instantiate(dir, dentry, inode);
	inc_nlink(dir);
	return 0;
}

static bool changes_vm(const struct inode *inode, const struct inode *old_dir,
		       const struct inode *new_dir)
{
	return S_ISREG(inode->i_mode) && old_dir != new_dir;
}

/*
 * The directory of @inode gets into another one: ask for what has to be reserved
 * there.  simple_rename() must not fail after that, so its question is asked before.
 */
static int change_pool(struct inode *inode, struct inode *old_dir, struct inode *new_dir,
		       struct dentry *new_dentry)
{
	if (!S_ISDIR(inode->i_mode) || old_dir == new_dir)
		return 0;
	if (!simple_empty(new_dentry))
		return -ENOTEMPTY;
	return esx_admit_move_pool(inode->i_private, new_dir->i_private);
}

static int rename(struct mnt_idmap *idmap, struct inode *old_dir, struct dentry *old_dentry,
		  struct inode *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	struct inode *inode = d_inode(old_dentry);
	const char *old, *new;
	char *buf;
	int err;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (changes_vm(inode, old_dir, new_dir))
		return -EXDEV;
	buf = kmalloc(2 * PATH_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	old = tree_path(old_dentry, buf, PATH_MAX);
	new = tree_path(new_dentry, buf + PATH_MAX, PATH_MAX);
	err = change_pool(inode, old_dir, new_dir, new_dentry);
	if (!err)
		err = simple_rename(idmap, old_dir, old_dentry, new_dir, new_dentry, flags);
	if (!err && (S_ISDIR(inode->i_mode) || IS_ROOT(old_dentry->d_parent)))
		esx_vm_rename_tree(inode->i_sb, old, new);
	kfree(buf);
	return err;
}

static int setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err = setattr_prepare(idmap, dentry, attr);

	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		err = esx_file_resize(inode, attr->ia_size);
		if (err)
			return err;
		esx_inode_touch_mtime(inode);
	}
	setattr_copy(idmap, inode, attr);
	return 0;
}

/*
 * Blocks: what the guest has stored, whether in a frame of its own, a shared
 * one or, known to be zero, in none; so it does not tell what is shared.
 */
static int getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct esx_pmap *pmap = inode->i_private;
	long pages = esx_counts_backed(&pmap->counts) +
		     atomic_long_read(&pmap->counts.nr[ESX_ZERO]);

	esx_fillattr(idmap, request_mask, inode, stat);
	stat->blocks = (u64)pages << (PAGE_SHIFT - 9);
	return 0;
}

/* Guest memory is not a program. */
static int memory_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	if ((mask & MAY_EXEC) && !(mask & MAY_NOT_BLOCK))
		pr_warn_ratelimited("%s[%d]: execution of a memory file refused; it holds a guest's memory, not a program\n",
				    current->comm, task_pid_nr(current));
	if (mask & MAY_EXEC)
		return -EACCES;
	return generic_permission(idmap, inode, mask);
}

static const struct inode_operations file_iops = {
	.setattr = setattr,
	.getattr = getattr,
	.permission = memory_permission,
};

static const struct inode_operations dir_iops = {
	.create = create,
	.lookup = simple_lookup,
	.unlink = simple_unlink,
	.mkdir = mkdir,
	.rmdir = simple_rmdir,
	.rename = rename,
	.tmpfile = tmpfile,
};

/**
 * esx_file_is_ours() - is this open file on a memory filesystem?
 * @file: any open file
 *
 * Return: the answer.
 */
bool esx_file_is_ours(struct file *file)
{
	return file_inode(file)->i_op == &file_iops || file_inode(file)->i_op == &dir_iops;
}

/**
 * esx_file_pmap() - the page map of an open memory file
 * @file: any open file
 *
 * Return: the map, valid while the file is open; NULL when it is no memory file.
 */
struct esx_pmap *esx_file_pmap(struct file *file)
{
	struct inode *inode = file_inode(file);

	return inode->i_op == &file_iops ? inode->i_private : NULL;
}

/**
 * esx_file_vm() - the VM of an open directory or memory file
 * @file: any open file
 *
 * Return: the VM with a reference; NULL when there is none.
 */
struct esx_vm *esx_file_vm(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct esx_pmap *pmap = esx_file_pmap(file);

	if (pmap) {
		esx_vm_get(pmap->vm);
		return pmap->vm;
	}
	return esx_file_is_ours(file) ? esx_vm_lookup(inode->i_sb, inode->i_ino) : NULL;
}
