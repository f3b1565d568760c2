// SPDX-License-Identifier: GPL-2.0
/*
 * A target is made of folders: a backing disk (core/rd_mcp_0/NAME), a target of the fabric vhost
 * with a name, a group and a unit in it, and a link from the unit to the disk. What is hard is the
 * order, in making and in removing: the kernel refuses what is still in use, and a folder that it
 * makes by itself cannot be removed by hand.
 */
#include "run/hostdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"
#include "util/proc.h"

#define CONFIGFS	"/sys/kernel/config"
#define TARGET		CONFIGFS "/target"
#define HBA		TARGET "/core/rd_mcp_0"
#define FABRIC		TARGET "/vhost"
#define PAGE_BYTES	4096

static int tell(const char *what, const char *path)
{
	int ret = -errno;

	err("disk: vhost-scsi: cannot %s %s: %s", what, path, strerror(-ret));
	return ret;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755) ? tell("make", path) : 0;
}

/* One that others may have made, and go on using. */
static int make_shared(const char *path)
{
	return mkdir(path, 0755) && errno != EEXIST ? tell("make", path) : 0;
}

static int write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ret = tell("write", path);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void disk_path(int i, char *path, size_t size)
{
	snprintf(path, size, HBA "/exitlab%d", i);
}

static void group_path(const struct hostdisk *d, int i, char *path, size_t size)
{
	snprintf(path, size, FABRIC "/%s/tpgt_1", d->wwpn[i]);
}

/* Its folder is made by one alone: whoever made it has the disk, and the target of that number. */
static int make_backing(struct hostdisk *d, int i)
{
	char path[128], text[32];
	int ret;

	disk_path(i, path, sizeof(path));
	snprintf(text, sizeof(text), "rd_pages=%u", GUEST_DISK_BYTES / PAGE_BYTES);
	ret = make_dir(path);
	if (ret)
		return ret;
	d->made = i + 1;
	ret = write_file(path, "control", text);
	return ret ? ret : write_file(path, "enable", "1");
}

static int make_target(struct hostdisk *d, int i)
{
	char path[160], group[128], disk[128], text[40];
	int ret;

	snprintf(d->wwpn[i], sizeof(d->wwpn[i]), "naa.60014050000001%02x", (unsigned int)i & 0xff);
	group_path(d, i, group, sizeof(group));
	disk_path(i, disk, sizeof(disk));
	ret = make_shared(FABRIC);
	snprintf(path, sizeof(path), FABRIC "/%s", d->wwpn[i]);
	if (!ret)
		ret = make_dir(path);
	if (!ret)
		ret = make_dir(group);
	snprintf(path, sizeof(path), "%s/lun/lun_0", group);
	if (!ret)
		ret = make_dir(path);
	snprintf(path, sizeof(path), "%s/lun/lun_0/disk", group);
	if (!ret && symlink(disk, path))
		ret = tell("make", path);
	snprintf(text, sizeof(text), "naa.60014050000002%02x", (unsigned int)i & 0xff);
	return ret ? ret : write_file(group, "nexus", text);
}

static int load_modules(struct hostdisk *d)
{
	int ret = proc_cmd("modprobe vhost_scsi");

	if (ret) {
		err("disk: vhost-scsi: the host's kernel has no module vhost_scsi that can be loaded");
		return ret < 0 ? ret : -ENODEV;
	}
	if (access(TARGET, F_OK)) {
		if (mount("configfs", CONFIGFS, "configfs", 0, NULL))
			return tell("mount", CONFIGFS);
		d->mounted = true;
	}
	d->loaded = true;
	return 0;
}

int hostdisk_setup(struct hostdisk *d, enum sc_disk kind, int guests)
{
	int ret, i;

	*d = (struct hostdisk){ .made = 0 };
	if (kind != SC_DISK_VHOST_SCSI)
		return 0;
	if (guests > HOSTDISK_MAX)
		return -E2BIG;
	ret = load_modules(d);
	if (!ret)
		ret = make_shared(HBA);
	if (!ret)
		ret = make_shared(FABRIC);
	for (i = 0; !ret && i < guests; i++) {
		ret = make_backing(d, i);
		if (!ret)
			ret = make_target(d, i);
	}
	if (ret)
		hostdisk_teardown(d);
	return ret;
}

/* What is not there, because making it failed, is no error. */
static void remove_dir(const char *path)
{
	if (rmdir(path) && errno != ENOENT)
		tell("remove", path);
}

/* Others may use it still. */
static void remove_shared(const char *path)
{
	if (rmdir(path) && errno != ENOENT && errno != ENOTEMPTY && errno != EBUSY)
		tell("remove", path);
}

static void remove_target(const struct hostdisk *d, int i)
{
	char group[128], path[160];

	group_path(d, i, group, sizeof(group));
	snprintf(path, sizeof(path), "%s/lun/lun_0/disk", group);
	if (unlink(path) && errno != ENOENT)
		tell("remove", path);
	if (!access(group, F_OK))
		write_file(group, "nexus", "NULL");
	snprintf(path, sizeof(path), "%s/lun/lun_0", group);
	remove_dir(path);
	remove_dir(group);
	snprintf(path, sizeof(path), FABRIC "/%s", d->wwpn[i]);
	remove_dir(path);
}

void hostdisk_teardown(struct hostdisk *d)
{
	char path[128];

	while (d->made > 0) {
		int i = --d->made;

		if (d->wwpn[i][0])
			remove_target(d, i);
		disk_path(i, path, sizeof(path));
		remove_dir(path);
	}
	if (d->loaded) {
		remove_shared(FABRIC);
		remove_shared(HBA);
	}
	d->loaded = false;
	if (d->mounted && umount(CONFIGFS))
		tell("unmount", CONFIGFS);
	d->mounted = false;
}

int hostdisk_commands(const struct hostdisk *d, uint64_t *commands)
{
	char path[160], disk[128];
	uint64_t n;
	int i;

	*commands = 0;
	for (i = 0; i < d->made; i++) {
		FILE *f;

		disk_path(i, disk, sizeof(disk));
		snprintf(path, sizeof(path), "%s/statistics/scsi_lu/num_cmds", disk);
		f = fopen(path, "re");
		if (!f || fscanf(f, "%" SCNu64, &n) != 1) {
			tell("read", path);
			if (f)
				fclose(f);
			return -EIO;
		}
		fclose(f);
		*commands += n;
	}
	return 0;
}
