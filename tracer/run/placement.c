// SPDX-License-Identifier: GPL-2.0
#include "run/placement.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "bind:0 anon=32768 dirty=32768 N0=32768 kernelpagesize_kB=4": the guest's memory alone is bound. */
json_t *placement_parse(FILE *f)
{
	json_int_t pages[64] = { 0 };
	json_t *o = json_object();
	char line[4096], key[16];
	int node;

	while (f && fgets(line, sizeof(line), f)) {
		char *save, *w = strstr(line, " bind:") ? strtok_r(line, " \n", &save) : NULL;
		long long n;

		for (; w; w = strtok_r(NULL, " \n", &save))
			if (sscanf(w, "N%d=%lld", &node, &n) == 2 && node >= 0 && node < 64)
				pages[node] += n;
	}
	for (node = 0; o && node < 64; node++) {
		snprintf(key, sizeof(key), "%d", node);
		if (pages[node])
			json_object_set_new(o, key, json_integer(pages[node]));
	}
	return o;
}

/* The node of a CPU: its folder has a link "nodeN". -1 if it has none. */
static int node_of(int cpu)
{
	char path[64];
	struct dirent *e;
	int node = -1;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", cpu);
	d = opendir(path);
	while (d && node < 0 && (e = readdir(d)))
		if (sscanf(e->d_name, "node%d", &node) != 1)
			node = -1;
	if (d)
		closedir(d);
	return node;
}

/* The CPU to which the first vCPU's thread is bound; -1 if it may run on several. */
static int vcpu_cpu(pid_t vmm)
{
	char path[64], comm[32];
	struct dirent *e;
	int cpu = -1, i;
	cpu_set_t set;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)vmm);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", (int)vmm, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f) && !strncmp(comm, "CPU 0/KVM", 9) &&
		    !sched_getaffinity(atoi(e->d_name), sizeof(set), &set) && CPU_COUNT(&set) == 1)
			for (i = 0; i < CPU_SETSIZE; i++)
				if (CPU_ISSET(i, &set))
					cpu = i;
		fclose(f);
	}
	if (d)
		closedir(d);
	return cpu;
}

json_t *placement_nodes(const struct guest *guests, int n)
{
	json_t *all = json_array();
	char path[64];
	int i;

	for (i = 0; i < n; i++) {
		int cpu = vcpu_cpu(guests[i].vmm.pid);
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/numa_maps", (int)guests[i].vmm.pid);
		f = fopen(path, "re");
		json_array_append_new(all, json_pack("{s:i, s:i, s:i, s:o?}",
			"pid", (int)guests[i].vmm.pid, "cpu", cpu, "node", node_of(cpu),
			"memory_pages", placement_parse(f)));
		if (f)
			fclose(f);
	}
	return all;
}

json_t *placement_rings(struct guest *guests, int n)
{
	static const char disk[] = "cat /sys/class/scsi_host/host*/can_queue 2>/dev/null";
	json_t *all = json_array();
	int i;

	for (i = 0; i < n; i++) {
		char net[128] = "", queue[64] = "";
		json_t *o = json_object();
		bool none = guest_run(&guests[i], "netload rings eth0 2>/dev/null", net, sizeof(net));

		json_object_set_new(o, "net", none ? json_null() : json_loads(net, 0, NULL));
		none = guest_run(&guests[i], disk, queue, sizeof(queue));
		json_object_set_new(o, "disk", none ? json_null() : json_integer(atoi(queue)));
		json_array_append_new(all, o);
	}
	return all;
}
