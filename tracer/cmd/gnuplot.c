// SPDX-License-Identifier: GPL-2.0
/*
 * Writes what gnuplot needs and runs it. The script is run in the folder it is in, as a user would
 * later, so that the file names in it are right for both.
 */
#include "cmd/gnuplot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/datadir.h"
#include "util/log.h"

int gnuplot_names(const char *option, const char *path, struct plot_names *n)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (!*base || strlen(base) + 5 > sizeof(n->base) || strlen(path) + 6 > sizeof(n->dir)) {
		err("%s %s: not the name of a file", option, path);
		return -EINVAL;
	}
	strcpy(n->base, base);
	snprintf(n->dir, sizeof(n->dir), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (slash == path)
		strcpy(n->dir, "/");
	return 0;
}

static FILE *create(const struct plot_names *n, const char *ending, char *path, size_t size)
{
	FILE *f;

	snprintf(path, size, "%s/%s%s", n->dir, n->base, ending);
	f = fopen(path, "we");
	if (!f)
		err("%s: %s", path, strerror(errno));
	return f;
}

static int close_written(FILE *f, const char *path)
{
	bool failed = ferror(f);

	if (fclose(f) || failed) {
		err("%s: cannot be written: %s", path, strerror(errno));
		return -EIO;
	}
	return 0;
}

static int append_template(FILE *out, const char *name)
{
	char data[PATH_MAX], path[PATH_MAX + 64], buf[4096];
	FILE *f = NULL;
	size_t n;

	if (!datadir(data, sizeof(data))) {
		snprintf(path, sizeof(path), "%s/plots/%s.gp", data, name);
		f = fopen(path, "re");
	}
	if (!f) {
		err("no plot template plots/%s.gp in %s; set EXITLAB_DATA to the folder of "
		    "exitlab's data", name, data);
		return -ENOENT;
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, out);
	fclose(f);
	return 0;
}

/* Runs gnuplot in the folder of the plot, where the script's file names are right. */
static int run_gnuplot(const struct plot_names *n)
{
	char script[NAME_MAX + 8];
	int status;
	pid_t pid;

	snprintf(script, sizeof(script), "./%s.gp", n->base);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		err("cannot start gnuplot: %s", strerror(errno));
		return -errno;
	}
	if (!pid) {
		/* Fonts and messages, not numbers: those are written in the C locale by us. */
		setenv("LC_ALL", "C.UTF-8", 1);
		if (!chdir(n->dir))
			execlp("gnuplot", "gnuplot", script, (char *)NULL);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		err("gnuplot is not installed (Debian: apt install gnuplot-nox); the numbers and "
		    "the script are in %s/%s.dat and .gp", n->dir, n->base);
	else
		err("gnuplot failed on %s/%s.gp", n->dir, n->base);
	return -EIO;
}

static int close_input(FILE *f, const char *path, int rc)
{
	if (rc)
		err("out of memory");
	return close_written(f, path) ? -EIO : rc;
}

int gnuplot_draw(const struct plot_names *n, const char *command, const char *template_name,
		 int (*write_data)(FILE *out, const void *arg),
		 int (*write_variables)(FILE *out, const void *arg, const char *base,
					const char *data), const void *arg)
{
	char path[PATH_MAX + NAME_MAX], data[NAME_MAX + 8];
	FILE *f = create(n, ".dat", path, sizeof(path));
	int rc;

	if (!f)
		return -EIO;
	rc = close_input(f, path, write_data(f, arg));
	if (rc)
		return rc;
	f = create(n, ".gp", path, sizeof(path));
	if (!f)
		return -EIO;
	fprintf(f, "# Made by exitlab %s; run it again in its folder: gnuplot %s.gp\n", command,
		n->base);
	snprintf(data, sizeof(data), "%s.dat", n->base);
	rc = write_variables(f, arg, n->base, data);
	fputc('\n', f);
	if (rc)
		return close_input(f, path, rc);
	rc = append_template(f, template_name);
	if (close_written(f, path))
		rc = -EIO;
	if (!rc)
		rc = run_gnuplot(n);
	if (!rc)
		printf("%s/%s.svg\n%s/%s.png\n", n->dir, n->base, n->dir, n->base);
	return rc;
}
