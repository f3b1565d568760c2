/* SPDX-License-Identifier: GPL-2.0 */
/* A small perf.data, put together byte by byte: the layout as perf's documentation has it. */
#ifndef EXITLAB_PERF_FILE_H
#define EXITLAB_PERF_FILE_H

#include <linux/perf_event.h>

#include "memfile.h"

#define PF_COMMON \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
#define PF_EXIT "name: kvm_exit\nID: 50\nformat:\n" PF_COMMON \
	"\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n" \
	"\tfield:unsigned long guest_rip;\toffset:16;\tsize:8;\tsigned:0;\n" \
	"\tfield:u32 isa;\toffset:24;\tsize:4;\tsigned:0;\n\nprint fmt: \"%u\", REC->isa\n"
#define PF_ENTRY "name: kvm_entry\nID: 51\nformat:\n" PF_COMMON \
	"\tfield:unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;\n\nprint fmt: \"%u\", REC->vcpu_id\n"

#define PF_ID_EXIT	1000
#define PF_ID_ENTRY	1001

struct perf_make {
	struct bytes f;
	size_t head_data, data;		/* where the head says where the data is; where that is */
	struct perf_event_attr attr;
};

static inline void pf_begin(struct perf_make *m)
{
	static const uint64_t ids[] = { PF_ID_EXIT, PF_ID_ENTRY };
	int i;

	memset(m, 0, sizeof(*m));
	m->attr = (struct perf_event_attr){ .type = PERF_TYPE_TRACEPOINT, .size = sizeof(m->attr),
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW,
		.sample_id_all = 1 };
	put(&m->f, "PERFILE2", 8);
	put_n(&m->f, 104, 8);
	put_n(&m->f, sizeof(m->attr) + 16, 8);
	put_n(&m->f, 104 + 16, 8);	/* attrs: behind the ids */
	put_n(&m->f, 2 * (sizeof(m->attr) + 16), 8);
	m->head_data = put_n(&m->f, 0, 8);
	put_n(&m->f, 0, 8);
	put_n(&m->f, 0, 8);
	put_n(&m->f, 0, 8);
	put_n(&m->f, 1 << 1 | 1 << 4, 8);	/* tracing data, release */
	put(&m->f, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	put(&m->f, ids, sizeof(ids));
	for (i = 0; i < 2; i++) {
		m->attr.config = 50 + (unsigned int)i;
		put(&m->f, &m->attr, sizeof(m->attr));
		put_n(&m->f, 104 + 8 * (unsigned int)i, 8);
		put_n(&m->f, 8, 8);
	}
	m->data = m->f.n;
}

static inline void pf_record(struct perf_make *m, uint32_t type, const struct bytes *body)
{
	put_n(&m->f, type, 4);
	put_n(&m->f, 0, 2);
	put_n(&m->f, 8 + body->n, 2);
	put(&m->f, body->b, body->n);
}

static inline void pf_sample(struct perf_make *m, uint64_t id, uint32_t pid, uint32_t tid,
			     uint64_t time, const void *raw, uint32_t size)
{
	static struct bytes b;

	b.n = 0;
	put_n(&b, id, 8);
	put_n(&b, pid, 4);
	put_n(&b, tid, 4);
	put_n(&b, time, 8);
	put_n(&b, 3, 8);	/* CPU */
	put_n(&b, 1, 8);	/* period */
	put_n(&b, size + 4, 4);	/* perf fills up to 8 bytes */
	put(&b, raw, size);
	put_n(&b, 0, 4);
	pf_record(m, PERF_RECORD_SAMPLE, &b);
}

static inline void pf_entry(struct perf_make *m, uint32_t tid, uint64_t time, uint32_t vcpu)
{
	uint32_t raw[4] = { 51, tid, vcpu, 0 };

	pf_sample(m, PF_ID_ENTRY, 100, tid, time, raw, 12);
}

static inline void pf_exit(struct perf_make *m, uint32_t tid, uint64_t time, uint32_t reason)
{
	uint32_t raw[8] = { 50, tid, reason, 0, 0, 0, 2, 0 };

	pf_sample(m, PF_ID_EXIT, 100, tid, time, raw, 28);
}

/* Trailing sample_id of a record that is no sample: tid, time, cpu, identifier. */
static inline void pf_sample_id(struct bytes *b, uint64_t time)
{
	put_n(b, 0, 8);
	put_n(b, time, 8);
	put_n(b, 0, 8);
	put_n(b, PF_ID_EXIT, 8);
}

static inline void pf_lost(struct perf_make *m, uint64_t time, uint64_t n)
{
	static struct bytes b;

	b.n = 0;
	put_n(&b, PF_ID_EXIT, 8);
	put_n(&b, n, 8);
	pf_sample_id(&b, time);
	pf_record(m, PERF_RECORD_LOST, &b);
}

static inline void pf_comm(struct perf_make *m, uint32_t pid, const char *name)
{
	static struct bytes b;
	char comm[16] = "";

	b.n = 0;
	strncpy(comm, name, sizeof(comm) - 1);
	put_n(&b, pid, 4);
	put_n(&b, pid, 4);
	put(&b, comm, sizeof(comm));
	pf_sample_id(&b, 0);
	pf_record(m, PERF_RECORD_COMM, &b);
}

static inline void pf_round(struct perf_make *m)
{
	static const struct bytes none;

	pf_record(m, 68, &none);
}

static inline void pf_format(struct bytes *f, const char *text)
{
	put_n(f, strlen(text), 8);
	put(f, text, strlen(text));
}

static inline void pf_end(struct perf_make *m)
{
	size_t table = m->f.n, at;

	set_n(&m->f, m->head_data, m->data, 8);
	set_n(&m->f, m->head_data + 8, m->f.n - m->data, 8);
	for (at = 0; at < 4; at++)
		put_n(&m->f, 0, 8);
	at = put(&m->f, "\x17\x08\x44tracing", 10);
	set_n(&m->f, table, at, 8);
	put_s(&m->f, "0.6");
	put_n(&m->f, 0, 1);
	put_n(&m->f, 8, 1);
	put_n(&m->f, 4096, 4);
	put_s(&m->f, "header_page");
	put_n(&m->f, 0, 8);
	put_s(&m->f, "header_event");
	put_n(&m->f, 0, 8);
	put_n(&m->f, 0, 4);
	put_n(&m->f, 1, 4);
	put_s(&m->f, "kvm");
	put_n(&m->f, 2, 4);
	pf_format(&m->f, PF_EXIT);
	pf_format(&m->f, PF_ENTRY);
	put_n(&m->f, 0, 4);
	put_n(&m->f, 0, 4);
	put_n(&m->f, 0, 8);
	set_n(&m->f, table + 8, m->f.n - at, 8);
	at = put_n(&m->f, 12, 4);
	put(&m->f, "6.12.1-test\0", 12);
	set_n(&m->f, table + 16, at, 8);
	set_n(&m->f, table + 24, m->f.n - at, 8);
}

#endif
