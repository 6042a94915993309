/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cloning memory files.
 */
#ifndef _ESXMEM_FS_CLONE_H
#define _ESXMEM_FS_CLONE_H

#include <linux/fs.h>

loff_t esx_file_remap_range(struct file *file_in, loff_t pos_in, struct file *file_out,
			    loff_t pos_out, loff_t len, unsigned int flags);

#endif /* _ESXMEM_FS_CLONE_H */
