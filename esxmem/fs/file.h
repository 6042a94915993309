/* SPDX-License-Identifier: GPL-2.0 */
/*
 * File operations of memory files.
 */
#ifndef _ESXMEM_FS_FILE_H
#define _ESXMEM_FS_FILE_H

#include <linux/fs.h>

extern const struct file_operations esx_file_fops;

int esx_file_grow(struct inode *inode, loff_t size);
int esx_file_resize(struct inode *inode, loff_t size);

#endif /* _ESXMEM_FS_FILE_H */
