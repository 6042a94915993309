// SPDX-License-Identifier: GPL-2.0
/*
 * The probe on KVM's tracepoint of second-level page faults (EPT violations,
 * NPT faults).
 *
 * It runs in the thread of a virtual CPU with preemption off, once per fault of
 * every machine of the host.  For an attached machine it counts.  For any other
 * it may have a work item find out whether there is something to attach, and
 * mostly there is not: so it remembers what was tried, in a table of fixed size
 * in which a machine's place is a hash of its address.
 *
 *  - A machine is tried at its first fault, and again after RETRY_FAULTS faults
 *    or, at the next fault, after RETRY_AGE: it may map its memory late, and its
 *    address may have been another machine's before.
 *  - Two machines that want the same place take turns.
 *  - No place is tried more often than every RETRY_PAUSE, whatever happens.
 *
 * No reference to the machine is kept (see anchor.h for what would be wrong with
 * that): its address is a name until the work item finds one of its virtual
 * CPUs mapped.  Its struct mm_struct is pinned meanwhile.
 */
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/sched/mm.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "guest.h"
#include "probe.h"

/* As in arch/x86/kvm/trace.h, which modules cannot include. */
DECLARE_TRACE(kvm_page_fault,
	TP_PROTO(struct kvm_vcpu *vcpu, u64 fault_address, u64 error_code),
	TP_ARGS(vcpu, fault_address, error_code));

#define CANDIDATES_BITS		8
#define RETRY_FAULTS		256
#define RETRY_AGE		HZ
#define RETRY_PAUSE		(HZ / 20)

/* Bits of candidate::flags. */
#define CANDIDATE_BUSY		0

/*
 * While CANDIDATE_BUSY is set the rest belongs to whoever set it.  The probe
 * reads and counts without it: a fault more or less does not matter.
 */
struct candidate {
	unsigned long flags;
	struct kvm *kvm;
	struct mm_struct *mm;
	/* Faults since it was tried. */
	unsigned int faults;
	/* When, in jiffies. */
	unsigned long tried;
	struct work_struct work;
};

static struct candidate candidates[1 << CANDIDATES_BITS];

/* Few at a time: any user of KVM can have many machines looked at. */
static struct workqueue_struct *candidates_wq;

static bool is_worth_a_try(struct candidate *candidate, const struct kvm *kvm)
{
	unsigned long age = jiffies - READ_ONCE(candidate->tried);
	const struct kvm *known = READ_ONCE(candidate->kvm);
	unsigned int faults = READ_ONCE(candidate->faults);

	if (!known)
		return true;
	if (known == kvm && faults < RETRY_FAULTS)
		WRITE_ONCE(candidate->faults, ++faults);
	if (age < RETRY_PAUSE)
		return false;
	return known != kvm || faults >= RETRY_FAULTS || age >= RETRY_AGE;
}

static void try_to_attach(struct kvm *kvm)
{
	struct candidate *candidate = &candidates[hash_ptr(kvm, CANDIDATES_BITS)];

	if (!is_worth_a_try(candidate, kvm))
		return;
	if (test_and_set_bit_lock(CANDIDATE_BUSY, &candidate->flags))
		return;

	mmgrab(kvm->mm);
	candidate->mm = kvm->mm;
	WRITE_ONCE(candidate->kvm, kvm);
	queue_work(candidates_wq, &candidate->work);
}

static void try_candidate(struct work_struct *work)
{
	struct candidate *candidate = container_of(work, struct candidate, work);
	int err = esx_guest_attach(candidate->kvm, candidate->mm, NULL);

	mmdrop(candidate->mm);
	candidate->mm = NULL;
	WRITE_ONCE(candidate->tried, jiffies);
	/*
	 * A VM that is still another guest's is mostly about to be let go, and
	 * one that was attached and faults here again has been let go.
	 */
	WRITE_ONCE(candidate->faults, err == -EEXIST || !err ? RETRY_FAULTS : 0);
	clear_bit_unlock(CANDIDATE_BUSY, &candidate->flags);
}

static void probe_page_fault(void *data, struct kvm_vcpu *vcpu, u64 fault_address, u64 error_code)
{
	if (!esx_guest_count_violation(vcpu->kvm))
		try_to_attach(vcpu->kvm);
}

/**
 * esx_probe_init() - begin to count and to attach
 *
 * Return: 0, -ENOMEM, or why the probe could not be registered.
 */
int esx_probe_init(void)
{
	int i, err;

	candidates_wq = alloc_workqueue("esxmem_kvm_try", WQ_UNBOUND, 2);
	if (!candidates_wq)
		return -ENOMEM;

	for (i = 0; i < ARRAY_SIZE(candidates); i++)
		INIT_WORK(&candidates[i].work, try_candidate);
	err = register_trace_kvm_page_fault(probe_page_fault, NULL);
	if (err)
		destroy_workqueue(candidates_wq);
	return err;
}

/**
 * esx_probe_exit() - stop
 *
 * On return no probe and no attempt to attach is under way.
 */
void esx_probe_exit(void)
{
	unregister_trace_kvm_page_fault(probe_page_fault, NULL);
	tracepoint_synchronize_unregister();
	destroy_workqueue(candidates_wq);
}
