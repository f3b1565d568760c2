// SPDX-License-Identifier: GPL-2.0
/*
 * The exporter's web server, by libmicrohttpd without threads: the caller waits for its descriptor
 * beside its own. A client that is slow or stuck costs one of sixteen connections for ten seconds.
 */
#include "cmd/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

struct http {
	struct MHD_Daemon *daemon;
	http_text_fn text;
	void *arg;
};

static enum MHD_Result reply(struct MHD_Connection *c, unsigned int status, char *text, size_t len,
			     enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, mode);
	enum MHD_Result ret;

	if (!r) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
				"text/plain; version=0.0.4; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned int status, const char *text)
{
	return reply(c, status, (char *)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	struct http *h = arg;
	size_t len = 0;
	char *text;

	(void)version, (void)upload, (void)upload_size, (void)state;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (!strcmp(url, "/-/healthy"))
		return say(c, MHD_HTTP_OK, "exitlab is tracing\n");
	if (!strcmp(url, "/"))
		return say(c, MHD_HTTP_OK, "exitlab export: see /metrics and /-/healthy\n");
	if (strcmp(url, "/metrics"))
		return say(c, MHD_HTTP_NOT_FOUND, "there are /metrics and /-/healthy\n");
	text = h->text(&len, h->arg);
	if (!text)
		return say(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "the counters cannot be read\n");
	return reply(c, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE);
}

int http_open(const struct sockaddr_storage *a, http_text_fn text, void *arg, struct http **out)
{
	struct http *h = calloc(1, sizeof(*h));
	unsigned int flags = MHD_USE_EPOLL;
	int ret;

	if (!h)
		return -ENOMEM;
	h->text = text;
	h->arg = arg;
	if (a->ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	errno = 0;
	h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, h, MHD_OPTION_SOCK_ADDR, a,
				     MHD_OPTION_CONNECTION_LIMIT, 16u,
				     MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
	if (!h->daemon) {
		ret = errno ? -errno : -EADDRINUSE;
		free(h);
		return ret;
	}
	*out = h;
	return 0;
}

int http_fd(const struct http *h)
{
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return i ? i->epoll_fd : -1;
}

int http_timeout_ms(const struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		return -1;
	return ms > 60000 ? 60000 : (int)ms;
}

void http_run(struct http *h)
{
	MHD_run(h->daemon);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	MHD_stop_daemon(h->daemon);
	free(h);
}
