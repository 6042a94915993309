// SPDX-License-Identifier: GPL-2.0
/*
 * A directory of directories that come and go: VMs and pools.
 *
 * They are called after paths.  Whose they are makes them and frees them; here they
 * are named, and counted until the last one is freed.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "sysfs_dirs.h"

static bool name_is_free(struct kset *kset, const char *name, const struct kobject *self)
{
	struct kobject *other = kset_find_obj(kset, name);
	bool is_free = !other || other == self;

	kobject_put(other);
	return is_free;
}

/*
 * Turns the path @name into the name of the directory @self.  Two mounts may hold the
 * same path, and "a/b" becomes "a!b", which a file may be called too: who comes later
 * gets a number.
 */
static void choose_name(struct kset *kset, const struct kobject *self, u32 id,
			char name[ESX_SYSFS_NAME_MAX])
{
	/* Its id is its own, so that one try is enough but for mischief. */
	unsigned int nr = 1;
	char suffix[24];
	size_t end;
	int len;

	strreplace(name, '/', '!');
	end = strlen(name);

	for (; !name_is_free(kset, name, self); nr++) {
		len = scnprintf(suffix, sizeof(suffix), nr > 1 ? "~%u.%u" : "~%u", id, nr);
		strscpy(name + min_t(size_t, end, ESX_SYSFS_NAME_MAX - 1 - len), suffix, len + 1);
	}
}

/**
 * esx_sysfs_dirs_init() - make the directory that they are in
 * @dirs: zeroed
 * @name: its name
 * @root: where
 *
 * Return: 0 or -ENOMEM.
 */
int esx_sysfs_dirs_init(struct esx_sysfs_dirs *dirs, const char *name, struct kobject *root)
{
	dirs->kset = kset_create_and_add(name, NULL, root);
	return dirs->kset ? 0 : -ENOMEM;
}

/**
 * esx_sysfs_dirs_exit() - remove the directory that they were in; none is left
 * @dirs: the directories
 *
 * Whoever still reads or writes a file may outlive the directory.  Who let go of the
 * last kobject may not have left this module's code yet when that is seen here: the
 * last step is to wait until every task has slept or left the kernel since.
 */
void esx_sysfs_dirs_exit(struct esx_sysfs_dirs *dirs)
{
	wait_var_event(&dirs->nr, !atomic_read(&dirs->nr));
	synchronize_rcu_tasks();
	kset_unregister(dirs->kset);
}

/**
 * esx_sysfs_dirs_add() - add a directory
 * @dirs: where
 * @kobj: the directory, zeroed; its release calls esx_sysfs_dirs_released()
 * @type: its type
 * @id: a number that no other of them has
 * @name: the path that it is called after; out: its name
 *
 * Return: 0 or an errno; then @kobj is released.
 */
int esx_sysfs_dirs_add(struct esx_sysfs_dirs *dirs, struct kobject *kobj,
		       const struct kobj_type *type, u32 id, char name[ESX_SYSFS_NAME_MAX])
{
	int err;

	kobj->kset = dirs->kset;
	/* Nobody listens; they come and go often. */
	kobj->uevent_suppress = 1;
	atomic_inc(&dirs->nr);

	choose_name(dirs->kset, kobj, id, name);
	err = kobject_init_and_add(kobj, type, NULL, "%s", name);
	if (err)
		kobject_put(kobj);
	return err;
}

/**
 * esx_sysfs_dirs_rename() - call a directory after another path
 * @dirs: where it is
 * @kobj: the directory
 * @id: as when it was added
 * @name: the path; out: the name
 *
 * Return: 0 or an errno; then it keeps its old name.
 */
int esx_sysfs_dirs_rename(struct esx_sysfs_dirs *dirs, struct kobject *kobj, u32 id,
			  char name[ESX_SYSFS_NAME_MAX])
{
	choose_name(dirs->kset, kobj, id, name);
	return strcmp(name, kobject_name(kobj)) ? kobject_rename(kobj, name) : 0;
}

/**
 * esx_sysfs_dirs_released() - a directory's kobject was freed
 * @dirs: where it was
 */
void esx_sysfs_dirs_released(struct esx_sysfs_dirs *dirs)
{
	if (atomic_dec_and_test(&dirs->nr))
		wake_up_var(&dirs->nr);
}
