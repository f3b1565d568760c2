// SPDX-License-Identifier: GPL-2.0
/*
 * The head of perf.data. Sections are found by offsets in the file, all of which may be wrong; each
 * is read whole into memory, up to a size that no sane file exceeds, and then walked with bounds.
 */
#include "offline/perfdata.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC		"PERFILE2"
#define MAGIC_SWAPPED	"2ELIFREP"
#define MAX_SECTION	(64u << 20)
#define MAX_ATTRS	65536u
#define ATTR_MIN	64u		/* PERF_ATTR_SIZE_VER0 */

/* Bits of the header's feature map; a section each, behind the data. */
enum { FEATURE_TRACING_DATA = 1, FEATURE_OSRELEASE = 4, NR_FEATURES = 256 };

struct section {
	uint64_t off, size;
};

struct head {
	char magic[8];
	uint64_t size, attr_size;
	struct section attrs, data, event_types;
	uint64_t features[4];
};

/* A piece of memory that is walked from front to back. */
struct walk {
	const unsigned char *p, *end;
};

static bool skip(struct walk *w, uint64_t n)
{
	if (n > (uint64_t)(w->end - w->p))
		return false;
	w->p += n;
	return true;
}

static bool number(struct walk *w, size_t size, uint64_t *out)
{
	*out = 0;
	if (size > (size_t)(w->end - w->p))
		return false;
	memcpy(out, w->p, size);
	w->p += size;
	return true;
}

/* A string with its 0; NULL if there is none. */
static const char *string(struct walk *w)
{
	const char *s = (const char *)w->p;
	const void *zero = memchr(w->p, 0, (size_t)(w->end - w->p));

	if (!zero)
		return NULL;
	w->p = (const unsigned char *)zero + 1;
	return s;
}

/* A section into memory, *@out to be freed. */
static int load(struct reader *r, const struct section *s, const char *what, unsigned char **out)
{
	int ret;

	if (s->size > MAX_SECTION)
		return reader_fail(r, s->off, "the %s cannot be %llu bytes long; the file is damaged",
				   what, (unsigned long long)s->size);
	*out = malloc(s->size + 1);
	if (!*out)
		return -ENOMEM;
	ret = reader_at(r, s->off, *out, s->size);
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

/* ---- events and their ids ---- */

static int read_ids(struct perf_file *p, const struct section *s, uint32_t attr)
{
	size_t i, n = s->size / 8;
	unsigned char *buf;
	struct perf_id *more;
	int ret;

	if (!n)
		return 0;
	if (p->nr_ids + n > MAX_SECTION / 8)
		return reader_fail(p->r, s->off, "there cannot be so many ids; the file is damaged");
	ret = load(p->r, s, "list of ids", &buf);
	if (ret)
		return ret;
	more = realloc(p->id, (p->nr_ids + n) * sizeof(*more));
	if (!more) {
		free(buf);
		return -ENOMEM;
	}
	p->id = more;
	for (i = 0; i < n; i++) {
		memcpy(&more[p->nr_ids].id, buf + i * 8, 8);
		more[p->nr_ids++].attr = attr;
	}
	free(buf);
	return 0;
}

static int by_id(const void *x, const void *y)
{
	const struct perf_id *a = x, *b = y;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int read_attrs(struct perf_file *p, const struct head *h)
{
	uint64_t i, n;
	int ret = 0;

	if (h->attr_size < ATTR_MIN + sizeof(struct section) || h->attr_size > 4096)
		return reader_fail(p->r, 16, "an event cannot take %llu bytes; the file is damaged",
				   (unsigned long long)h->attr_size);
	n = h->attrs.size / h->attr_size;
	if (!n || n > MAX_ATTRS)
		return reader_fail(p->r, 24, "there cannot be %llu events; the file is damaged",
				   (unsigned long long)n);
	p->attr = calloc(n, sizeof(*p->attr));
	if (!p->attr)
		return -ENOMEM;
	for (i = 0; !ret && i < n; i++) {
		uint64_t off = h->attrs.off + i * h->attr_size;
		size_t have = h->attr_size - sizeof(struct section);
		unsigned char entry[4096];
		struct section ids;

		ret = reader_at(p->r, off, entry, h->attr_size);
		if (ret)
			return ret;
		memcpy(&p->attr[i], entry, have < sizeof(*p->attr) ? have : sizeof(*p->attr));
		memcpy(&ids, entry + have, sizeof(ids));
		p->nr_attrs++;
		ret = read_ids(p, &ids, (uint32_t)i);
	}
	if (!ret && p->nr_ids > 0)
		qsort(p->id, p->nr_ids, sizeof(p->id[0]), by_id);
	return ret;
}

const struct perf_event_attr *perf_attr_of(const struct perf_file *p, uint64_t id)
{
	struct perf_id key = { .id = id }, *found = NULL;

	if (p->nr_ids > 0)
		found = bsearch(&key, p->id, p->nr_ids, sizeof(key), by_id);
	return found ? &p->attr[found->attr] : NULL;
}

/* ---- formats of events ---- */

static int add_format(struct perf_file *p, const struct section *s, struct walk *w)
{
	uint64_t size;
	const char *text;
	int ret;

	if (!number(w, 8, &size))
		return -ENODATA;
	text = (const char *)w->p;
	if (!skip(w, size))
		return -ENODATA;
	ret = kvm_decoder_add(p->decoder, text, size);
	if (ret == -EINVAL || ret == -EOPNOTSUPP)
		return reader_fail(p->r, s->off, "the format of an event of KVM %s; is it from another "
				   "architecture?", ret == -EINVAL ? "cannot be read" :
				   "lacks fields that are needed");
	return ret;
}

/* As trace-cmd writes it, with version 0.5 or 0.6: heads of pages, events of ftrace, of systems. */
static int walk_tracing_data(struct perf_file *p, const struct section *s, struct walk *w)
{
	uint64_t n, k, size, endian, longs, page;
	const char *version;
	int i, ret;

	if (!skip(w, 10) || !(version = string(w)) || !number(w, 1, &endian) ||
	    !number(w, 1, &longs) || !number(w, 4, &page))
		return -ENODATA;
	if (endian || longs != 8)
		return reader_fail(p->r, s->off, "the file is from a host that is not x86-64");
	for (i = 0; i < 2; i++)	/* "header_page", "header_event" */
		if (!string(w) || !number(w, 8, &size) || !skip(w, size))
			return -ENODATA;
	if (!number(w, 4, &n))
		return -ENODATA;
	for (; n > 0; n--)
		if (!number(w, 8, &size) || !skip(w, size))
			return -ENODATA;
	if (!number(w, 4, &n))
		return -ENODATA;
	for (; n > 0; n--) {
		const char *system = string(w);

		if (!system || !number(w, 4, &k))
			return -ENODATA;
		for (; k > 0; k--) {
			bool kvm = !strcmp(system, "kvm");

			if (kvm)
				ret = add_format(p, s, w);
			else
				ret = number(w, 8, &size) && skip(w, size) ? 0 : -ENODATA;
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int read_tracing_data(struct perf_file *p, const struct section *s)
{
	static const char magic[] = "\x17\x08\x44tracing";
	unsigned char *buf;
	struct walk w;
	int ret = load(p->r, s, "part with the formats of events", &buf);

	if (ret)
		return ret;
	w = (struct walk){ buf, buf + s->size };
	if (s->size < sizeof(magic) || memcmp(buf, magic, sizeof(magic) - 1))
		ret = -ENODATA;
	else
		ret = walk_tracing_data(p, s, &w);
	if (ret == -ENODATA)
		ret = reader_fail(p->r, s->off, "the part with the formats of events is not whole; the "
				  "file is damaged, record again");
	free(buf);
	return ret;
}

/* ---- the parts behind the data ---- */

static int read_kernel(struct perf_file *p, const struct section *s)
{
	uint32_t len;
	int ret = reader_at(p->r, s->off, &len, sizeof(len));

	if (ret)
		return ret;
	if (len > sizeof(p->kernel) - 1)
		len = sizeof(p->kernel) - 1;
	ret = reader_at(p->r, s->off + sizeof(len), p->kernel, len);
	p->kernel[ret ? 0 : len] = 0;
	return ret;
}

static int read_features(struct perf_file *p, const struct head *h)
{
	uint64_t off = h->data.off + h->data.size;
	bool formats = false;
	int i, ret = 0;

	for (i = 0; !ret && i < NR_FEATURES; i++) {
		struct section s;

		if (!(h->features[i / 64] >> i % 64 & 1))
			continue;
		ret = reader_at(p->r, off, &s, sizeof(s));
		off += sizeof(s);
		if (ret)
			return ret;
		if (i == FEATURE_TRACING_DATA) {
			ret = read_tracing_data(p, &s);
			formats = true;
		} else if (i == FEATURE_OSRELEASE) {
			ret = read_kernel(p, &s);
		}
	}
	if (!ret && !formats)
		return reader_fail(p->r, 72, "the file has no tracepoints; record with: perf record -e "
				   "kvm:kvm_entry,kvm:kvm_exit -a");
	return ret;
}

static int check_head(struct reader *r, const struct head *h)
{
	if (!memcmp(h->magic, MAGIC_SWAPPED, 8))
		return reader_fail(r, 0, "the file is from a big-endian host; KVM of x86 has none");
	if (memcmp(h->magic, MAGIC, 8))
		return reader_fail(r, 0, "this is no perf.data");
	if (h->size < sizeof(*h))
		return reader_fail(r, 8, h->size == 16 ? "perf wrote this for a pipe; record into a "
				   "file: perf record -o FILE" :
				   "the head is too short; the file is damaged");
	if (!h->data.size)
		return reader_fail(r, 48, "perf record was killed before it had finished the file; end "
				   "it with Ctrl-C and record again");
	if (h->data.off > r->size || h->data.size > r->size - h->data.off)
		return reader_fail(r, h->data.off, "the file is shorter than its head says; copy it "
				   "again, or record again");
	return 0;
}

int perf_file_open(struct perf_file *p)
{
	struct head h = { .size = 0 };
	int ret = reader_at(p->r, 0, &h, p->r->size < sizeof(h) ? 16 : sizeof(h));

	if (!ret)
		ret = check_head(p->r, &h);
	if (ret)
		return ret;
	p->data_off = h.data.off;
	p->data_size = h.data.size;
	p->decoder = kvm_decoder_new(NULL);
	if (!p->decoder)
		return -ENOMEM;
	ret = read_attrs(p, &h);
	return ret ? ret : read_features(p, &h);
}

void perf_file_free(struct perf_file *p)
{
	free(p->attr);
	free(p->id);
	kvm_decoder_free(p->decoder);
}
