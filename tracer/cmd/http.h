/* SPDX-License-Identifier: GPL-2.0 */
/* The exporter's web server: /metrics and /-/healthy, one thread, no state per client. */
#ifndef EXITLAB_HTTP_H
#define EXITLAB_HTTP_H

#include <stdbool.h>
#include <sys/socket.h>

struct http;

/* "127.0.0.1:9118" or "[::1]:9118". 0 or -EINVAL. Pure. */
int http_parse_address(const char *text, struct sockaddr_storage *out);
/* Whether only this host can reach it. Pure. */
bool http_is_loopback(const struct sockaddr_storage *a);

/* Makes an allocated text for /metrics in *@text, *@len; NULL if it cannot. */
typedef char *(*http_text_fn)(size_t *len, void *arg);

/* Listens. 0 or negative errno. */
int http_open(const struct sockaddr_storage *a, http_text_fn text, void *arg, struct http **out);
/* Becomes readable when there is something for http_run() to do; -1 if there is none. */
int http_fd(const struct http *h);
/* Longest time to wait before http_run(), ms; -1 = for ever. */
int http_timeout_ms(const struct http *h);
/* Serves what has come in; does not wait. */
void http_run(struct http *h);
/* NULL is fine. */
void http_close(struct http *h);

#endif
