/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappings of memory files.
 */
#ifndef _ESXMEM_FS_VMA_H
#define _ESXMEM_FS_VMA_H

struct esx_pmap;
struct file;
struct vm_area_struct;

int esx_file_mmap(struct file *file, struct vm_area_struct *vma);
struct esx_pmap *esx_vma_pmap(struct vm_area_struct *vma);

#endif /* _ESXMEM_FS_VMA_H */
