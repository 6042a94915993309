/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The probe on KVM's tracepoint of second-level page faults.
 */
#ifndef _ESXMEM_KVM_PROBE_H
#define _ESXMEM_KVM_PROBE_H

int esx_probe_init(void);
void esx_probe_exit(void);

#endif /* _ESXMEM_KVM_PROBE_H */
