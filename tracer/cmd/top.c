// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab top: the VMs of this host, live. On a terminal a screen with keys, elsewhere blocks of
 * text, one per interval, of the same lines (top_view.c).
 *
 * The hard part is to leave the terminal as it was, on every way out. Signals that end a program
 * are read from a descriptor and end the loop; those of a crash restore it by hand.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "cmd/cmd.h"
#include "cmd/stat_options.h"
#include "cmd/top_view.h"
#include "cmd/watch.h"
#include "engine/part.h"
#include "util/clock.h"
#include "util/log.h"

static const char usage[] =
"Usage: exitlab top [-d SECONDS] [-n COUNT] [OPTION...]\n"
"Shows the VMs of this host and their exits, live. Needs root, or CAP_BPF,\n"
"CAP_PERFMON and CAP_DAC_READ_SEARCH. Not on a terminal it prints plain text.\n"
"\n"
"  -d SECONDS        time between two looks (default 2)\n"
"  -n COUNT          end after COUNT looks\n"
"  -b, --batch       plain text on a terminal, too\n"
"  -p, --pid PID     only the VMs of this process\n"
"  --vm NAME|PID     only this VM; can be given several times\n"
"  --cgroup PATH     only VMs in this cgroup (version 2) and below\n"
"  --signals LIST    views beside exits: account, interrupts, io_cores, or all\n"
"  --time WHICH      which exits are timed: auto (default), all, N (one in N) or off\n"
"  --sort KEY        time (default), count or name\n"
"  -h, --help        this text\n"
"\n"
"Keys: h or ? help, q quit, Enter into a VM or vCPU, Backspace back, r reasons of\n"
"a VM, a reasons of all, t c n sort by time, count, name, + - interval, p pause;\n"
"1 exits, 2 time account, 3 interrupts, 4 I/O cores, Tab the next of these.\n"
"Exit status: 0 ended, 1 it failed, 2 unusable arguments, 4 this host cannot be\n"
"traced.\n";

static const char *const help[] = {
	"Keys", "",
	"  Up, Down, k, j   select a row",
	"  Enter, Right     from VMs to the vCPUs of one, from these to reasons",
	"  Backspace, Left  back",
	"  r                reasons of the selected VM, over all its vCPUs",
	"  a                reasons of all VMs",
	"  t, c, n          sort by time, count or name; s: the next of them",
	"  +, -             twice, half the time between two looks",
	"  p, Space         pause",
	"  1, 2, 3, 4, Tab  exits, time account, interrupts, I/O cores (--signals); the next",
	"  h, ?             this page",
	"  q                quit", "",
	"GUEST%  time in the guest, HANDL% from exits to entries, HALT% in HLT or MWAIT;",
	"        of the time of all its vCPUs. A time is known when it ends; what is",
	"        missing to 100 is under way. \"-\": no event in this interval.", "",
	"Any key goes back.",
};

struct top {
	struct top_state state;
	struct watch_opts wo;
	struct filter filter;
	bool batch, show_help;
	long count;			/* of looks; 0 = no end */
	struct watch *watch;
	struct watch_view view;
	struct top_lines lines;
	int signal_fd;
	SCREEN *screen;			/* NULL = plain text */
};

static int bad(const char *fmt, const char *arg)
{
	return option_bad("top", fmt, arg);
}

static int option(int c, struct top *t)
{
	static const char *const keys[] = { "time", "count", "name" };
	size_t i;

	switch (c) {
	case 'd':
		if (!option_seconds(optarg, &t->state.interval_s))
			return bad("'%s' is not an interval in seconds", optarg);
		return EX_OK;
	case 'n':
		t->count = option_whole(optarg, 1, INT32_MAX);
		return t->count < 0 ? bad("'%s' is not a number of looks", optarg) : EX_OK;
	case 'b':
		t->batch = true;
		return EX_OK;
	case 'p':
		t->wo.pid = (pid_t)option_whole(optarg, 1, INT32_MAX);
		return t->wo.pid < 0 ? bad("'%s' is not a process id", optarg) : EX_OK;
	case 'T':
		return option_time("top", optarg, &t->wo.time, &t->wo.time_every);
	case 'V':
	case 'g':
		return option_filter("top", c, optarg, &t->filter);
	case 'S':
		return option_signals("top", optarg, &t->wo.signals);
	default:
		for (i = 0; i < 3; i++) {
			if (!strcmp(optarg, keys[i])) {
				t->state.sort = (enum out_sort)i;
				return EX_OK;
			}
		}
		return bad("--sort is time, count or name, not '%s'", optarg);
	}
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct top *t)
{
	static const struct option opts[] = {
		{ "batch", no_argument, NULL, 'b' },
		{ "pid", required_argument, NULL, 'p' },
		{ "vm", required_argument, NULL, 'V' },
		{ "cgroup", required_argument, NULL, 'g' },
		{ "signals", required_argument, NULL, 'S' },
		{ "time", required_argument, NULL, 'T' },
		{ "sort", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, ret;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":d:n:bp:h", opts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (c == ':')
			return bad("option '%s' needs a value", argv[optind - 1]);
		if (c == '?')
			return bad("unknown option '%s'", argv[optind - 1]);
		ret = option(c, t);
		if (ret)
			return ret;
	}
	return optind < argc ? bad("unexpected argument '%s'", argv[optind]) : -1;
}

/* ---- the terminal ---- */

static struct termios before;

static void crash(int sig)
{
	/* Leave the second screen, show the cursor. */
	static const char leave[] = "\033[?1049l\033[?25h\n";

	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	if (write(STDOUT_FILENO, leave, sizeof(leave) - 1) < 0)
		_exit(128 + sig);
	/* SA_RESETHAND: this time it is fatal. */
	raise(sig);
}

static void open_screen(struct top *t)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction sa = { .sa_handler = crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER };
	size_t i;

	if (t->batch || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) ||
	    tcgetattr(STDIN_FILENO, &before))
		return;
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen)
		return;		/* a terminal that cannot do it */
	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &sa, NULL);
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
}

static void close_screen(struct top *t)
{
	if (!t->screen)
		return;
	endwin();
	delscreen(t->screen);
	t->screen = NULL;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void line_at(int y, const char *text, attr_t attr)
{
	attrset(attr);
	mvaddnstr(y, 0, text, COLS);
	if (attr & A_REVERSE)
		for (int x = getcurx(stdscr); x < COLS && getcury(stdscr) == y; x++)
			addch(' ');
	attrset(A_NORMAL);
}

static void draw_help(void)
{
	int i;

	for (i = 0; i < (int)(sizeof(help) / sizeof(help[0])) && i < LINES; i++)
		line_at(i, help[i], i ? A_NORMAL : A_BOLD);
}

/* The title and the column names stay, rows scroll so that the selected one is seen. */
static void draw_lines(const struct top *t, const struct top_lines *ledger)
{
	const struct top_lines *l = &t->lines;
	size_t head = l->nr_rows ? l->first_row : l->n, i, y, room, skip = 0;
	size_t foot = ledger->n;

	room = (size_t)LINES > head + foot ? (size_t)LINES - head - foot : 0;
	if (t->state.cursor >= room)
		skip = t->state.cursor - room + 1;
	for (y = 0; y < head && y < (size_t)LINES; y++)
		line_at((int)y, l->line[y], y ? A_BOLD : A_NORMAL);
	for (i = head + skip; i < l->n && y < head + room; i++, y++) {
		bool row = i >= l->first_row && i < l->first_row + l->nr_rows;

		line_at((int)y, l->line[i], row && i - l->first_row == t->state.cursor ?
			A_REVERSE : A_NORMAL);
	}
	for (i = 0; i < foot && (size_t)LINES >= foot + 2; i++)
		line_at(LINES - (int)foot + (int)i, ledger->line[i], A_DIM);
}

/* On paper nobody can press a key: what keys lead to comes one after the other. */
static int show_more(const struct top *t)
{
	struct top_state all = { .level = TOP_REASONS, .vcpu = -1, .sort = t->state.sort };
	struct top_lines more;
	int ret = 0;
	size_t i;

	for (all.view = TOP_EXITS; !ret && all.view < NR_TOP_VIEWS; all.view++) {
		if (all.view != TOP_EXITS && !part_get(&t->view.step, top_view_name(all.view)))
			continue;
		ret = top_render(&all, &t->view, time(NULL), &more);
		for (i = 1; !ret && i < more.n; i++)
			puts(more.line[i]);
		top_lines_free(&more);
	}
	return ret;
}

static int show(struct top *t)
{
	struct top_lines ledger = { 0 };
	size_t i;
	int ret;

	top_lines_free(&t->lines);
	ret = top_render(&t->state, &t->view, time(NULL), &t->lines);
	if (!ret)
		ret = top_render_ledger(&t->view, &ledger);
	if (t->state.cursor >= t->lines.nr_rows)
		t->state.cursor = t->lines.nr_rows ? t->lines.nr_rows - 1 : 0;
	if (ret || !t->screen)
		goto out;
	erase();
	if (t->show_help)
		draw_help();
	else
		draw_lines(t, &ledger);
	refresh();
out:
	for (i = 0; !ret && !t->screen && i < t->lines.n; i++)
		puts(t->lines.line[i]);
	if (!ret && !t->screen)
		ret = show_more(t);
	for (i = 0; !ret && !t->screen && i < ledger.n; i++)
		puts(ledger.line[i]);
	if (!t->screen && (putchar('\n') == EOF || fflush(stdout)) && !ret)
		ret = -errno;
	top_lines_free(&ledger);
	return ret;
}

/* 1: quit; 0 or negative errno. */
static int keys(struct top *t)
{
	int c, ret = 0;

	while (!ret && (c = getch()) != ERR) {
		bool was_help = t->show_help;

		t->show_help = !was_help && (c == 'h' || c == '?');
		if (c == 'q')
			return 1;
		if (c == KEY_UP || c == KEY_DOWN)
			c = c == KEY_UP ? TOP_KEY_UP : TOP_KEY_DOWN;
		else if (c == '\n' || c == '\r' || c == KEY_ENTER || c == KEY_RIGHT)
			c = TOP_KEY_ENTER;
		else if (c == KEY_BACKSPACE || c == 127 || c == 8 || c == KEY_LEFT || c == 27)
			c = TOP_KEY_BACK;
		if (!was_help)
			top_key(&t->state, &t->lines, c);
		ret = show(t);	/* also after KEY_RESIZE */
	}
	return ret;
}

/* ---- the loop ---- */

/* 1: end; 0: time to look; negative errno. */
static int wait_for_look(struct top *t, uint64_t since)
{
	struct pollfd p[2] = { { .fd = t->signal_fd, .events = POLLIN },
			       { .fd = t->screen ? STDIN_FILENO : -1, .events = POLLIN } };

	for (;;) {
		double left = t->state.interval_s - (double)(clock_ns() - since) / 1e9;
		int ret;

		if (left <= 0 && !t->state.paused)
			return 0;
		ret = poll(p, 2, t->state.paused || left > 3600 ? 3600000 : (int)(left * 1000) + 1);
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (ret > 0 && (p[0].revents || p[1].revents & (POLLHUP | POLLERR)))
			return 1;
		/* EINTR: the window has another size, which getch() tells. */
		if (t->screen && ret != 0) {
			ret = keys(t);
			if (ret)
				return ret;
		}
	}
}

static int loop(struct top *t)
{
	uint64_t since = clock_ns();
	long n;
	int ret = 0;

	/* The first look only begins the first interval; the screen shows what there is. */
	if (t->screen) {
		ret = watch_look(t->watch, &t->view);
		if (!ret)
			ret = show(t);
	} else {
		struct watch_view first;

		ret = watch_look(t->watch, &first);
		watch_view_free(&first);
	}
	for (n = 1; !ret; n++) {
		ret = wait_for_look(t, since);
		if (ret)
			return ret < 0 ? ret : 0;
		since = clock_ns();
		watch_view_free(&t->view);
		ret = watch_look(t->watch, &t->view);
		if (!ret)
			ret = show(t);
		if (t->count && n >= t->count)
			break;
	}
	return ret;
}

static int catch_signals(struct top *t)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signal_fd < 0 ? -errno : 0;
}

int cmd_top(int argc, char **argv)
{
	struct top t = { .state = { .interval_s = 2, .vcpu = -1 }, .wo = { .time = TIME_AUTO },
			 .signal_fd = -1 };
	int ret = parse(argc, argv, &t);

	if (ret >= 0)
		return ret;
	t.wo.filter = filter_empty(&t.filter) ? NULL : &t.filter;
	ret = watch_open(&t.wo, &t.watch);
	if (ret)
		return ret;
	ret = catch_signals(&t);
	if (!ret) {
		open_screen(&t);
		ret = loop(&t);
		close_screen(&t);
	}
	if (ret)
		err("top: %s", strerror(-ret));
	watch_view_free(&t.view);
	top_lines_free(&t.lines);
	watch_close(t.watch);
	if (t.signal_fd >= 0)
		close(t.signal_fd);
	return ret ? EX_FAIL : EX_OK;
}
