/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Directories and memory files.
 */
#ifndef _ESXMEM_FS_INODE_H
#define _ESXMEM_FS_INODE_H

#include <linux/fs.h>

struct esx_pmap;
struct esx_vm;

struct inode *esx_make_root(struct super_block *sb);
void esx_evict_inode(struct inode *inode);

bool esx_file_is_ours(struct file *file);
struct esx_pmap *esx_file_pmap(struct file *file);
struct esx_vm *esx_file_vm(struct file *file);

#endif /* _ESXMEM_FS_INODE_H */
