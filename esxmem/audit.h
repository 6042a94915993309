/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The audit: are the invariants true?
 */
#ifndef _ESXMEM_AUDIT_H
#define _ESXMEM_AUDIT_H

struct esxmem_audit;

int esx_audit(struct esxmem_audit *out);

#endif /* _ESXMEM_AUDIT_H */
