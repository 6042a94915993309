/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copy-on-write of shared pages.
 */
#ifndef _ESXMEM_SHARE_COW_H
#define _ESXMEM_SHARE_COW_H

struct esx_frame_req;
struct esx_slot;

int esx_share_break(struct esx_slot *slot, const struct esx_frame_req *req);

#endif /* _ESXMEM_SHARE_COW_H */
