// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/perfdata.c tracer/offline/perfrec.c tracer/offline/reader.c tracer/offline/sorter.c tracer/engine/tep.c tracer/engine/tracefs.c tracer/host/names.c tracer/host/vm_name.c -ltraceevent -lzstd */
/* perf.data: order, losses, names; and every way in which a file is no such file. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include <zstd.h>

#include "offline/input.h"
#include "lsan.h"
#include "perf_file.h"

struct got {
	struct kvm_event e[64];
	size_t n;
	uint64_t lost, lost_at;	/* @lost_at: events before it */
};

static int take(const struct kvm_event *e, void *arg)
{
	struct got *g = arg;

	assert_true(g->n < 64);
	g->e[g->n++] = *e;
	return 0;
}

static void lost(uint64_t n, void *arg)
{
	struct got *g = arg;

	g->lost += n;
	g->lost_at = g->n;
}

static struct perf_make m;
static struct got got;
static struct input_info info;
static struct reader r;

static int read_file(struct names *names)
{
	struct input_ops ops = { take, lost, &got, names };
	int fd = memfile(m.f.b, m.f.n), ret;

	memset(&got, 0, sizeof(got));
	memset(&info, 0, sizeof(info));
	ret = reader_fd(&r, fd);
	if (!ret)
		ret = perfdata_input(&r, &ops, &info);
	reader_close(&r);
	return ret;
}

static void make(void)
{
	pf_begin(&m);
	pf_comm(&m, 100, "qemu");
	/* Two CPUs, one buffer after the other, twice. */
	pf_entry(&m, 101, 10, 0);
	pf_exit(&m, 101, 30, 0x7b);
	pf_entry(&m, 102, 20, 1);
	pf_round(&m);
	pf_exit(&m, 102, 40, 0x72);
	pf_lost(&m, 45, 7);
	pf_entry(&m, 101, 35, 0);
	pf_round(&m);
	pf_end(&m);
}

static void events_in_order(void **state)
{
	static const uint64_t ts[] = { 10, 20, 30, 35, 40 };
	struct names names = { .root = "/nonexistent" };
	size_t i;

	(void)state;
	make();
	assert_int_equal(read_file(&names), 0);
	assert_int_equal(got.n, 5);
	for (i = 0; i < 5; i++)
		assert_int_equal(got.e[i].ts_ns, ts[i]);
	assert_int_equal(got.e[0].type, KVM_EVENT_ENTRY);
	assert_int_equal(got.e[1].vcpu, 1);
	assert_int_equal(got.e[2].type, KVM_EVENT_EXIT);
	assert_int_equal(got.e[2].reason, 0x7b);
	assert_int_equal(got.e[2].isa, 2);
	assert_int_equal(got.e[2].tgid, 100);
	assert_int_equal(got.e[2].tid, 101);
	assert_int_equal(got.e[2].cpu, 3);
	assert_int_equal(got.lost, 7);
	assert_int_equal(got.lost_at, 5);
	assert_int_equal(info.lost, 7);
	assert_int_equal(info.events, 5);
	assert_int_equal(info.start_ns, 10);
	assert_int_equal(info.end_ns, 40);
	assert_string_equal(info.kernel, "6.12.1-test");
	assert_string_equal(names_name(100, &names), "qemu-100");
	names_free(&names);
}

/* perf of 6.2 and later counts losses in the kernel, too: the same ones, or more. */
static void lost_samples(void **state)
{
	static struct bytes b;

	(void)state;
	pf_begin(&m);
	pf_exit(&m, 101, 30, 0x7b);
	pf_lost(&m, 45, 7);
	put_n(&b, 9, 8);
	pf_sample_id(&b, 50);
	pf_record(&m, PERF_RECORD_LOST_SAMPLES, &b);
	pf_end(&m);
	assert_int_equal(read_file(NULL), 0);
	assert_int_equal(got.lost, 7);
	assert_int_equal(info.lost, 9);
}

/* Without PERF_SAMPLE_IDENTIFIER, and with everything that can be before the raw data. */
static void other_samples(void **state)
{
	static struct bytes b;
	uint32_t raw[8] = { 50, 101, 0x7c, 0, 0, 0, 2, 0 };

	(void)state;
	pf_begin(&m);
	m.attr.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			     PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID |
			     PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_READ |
			     PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW;
	m.attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST |
			     PERF_FORMAT_TOTAL_TIME_ENABLED;
	memcpy(m.f.b + 120, &m.attr, sizeof(m.attr));
	memcpy(m.f.b + 120 + sizeof(m.attr) + 16, &m.attr, sizeof(m.attr));
	put_n(&b, 0x1234, 8);		/* ip */
	put_n(&b, 100, 4);
	put_n(&b, 101, 4);
	put_n(&b, 77, 8);		/* time */
	put_n(&b, 0, 8);		/* addr */
	put_n(&b, PF_ID_EXIT, 8);
	put_n(&b, 0, 8);		/* stream */
	put_n(&b, 5, 8);		/* cpu */
	put_n(&b, 1, 8);		/* period */
	put_n(&b, 2, 8);		/* read: two counters */
	put_n(&b, 0, 8);		/* time enabled */
	put(&b, "0123456789abcdef0123456789abcdef0123456789abcdef", 48);
	put_n(&b, 2, 8);		/* call chain */
	put(&b, "0123456789abcdef", 16);
	put_n(&b, 28, 4);
	put(&b, raw, 28);
	pf_record(&m, PERF_RECORD_SAMPLE, &b);
	pf_end(&m);
	assert_int_equal(read_file(NULL), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.e[0].ts_ns, 77);
	assert_int_equal(got.e[0].cpu, 5);
	assert_int_equal(got.e[0].reason, 0x7c);
	assert_int_equal(got.e[0].isa, 2);
}

static void refused(const char *pattern)
{
	assert_true(read_file(NULL) < 0);
	if (!strstr(r.why, pattern))
		fail_msg("'%s' lacks '%s'", r.why, pattern);
	assert_non_null(strstr(r.why, "at offset 0x"));
	assert_null(strchr(r.why, '\n'));
}

static void not_usable(void **state)
{
	(void)state;
	make();
	memcpy(m.f.b, "2ELIFREP", 8);
	refused("big-endian");
	make();
	set_n(&m.f, 8, 16, 8);
	m.f.n = 16;
	refused("perf wrote this for a pipe");
	make();
	set_n(&m.f, m.head_data + 8, 0, 8);
	refused("was killed");
	make();
	m.f.n = m.data + 20;
	refused("shorter than its head says");
	make();
	set_n(&m.f, 72, 1 << 4, 8);	/* no tracing data */
	refused("has no tracepoints");
	make();
	set_n(&m.f, 16, 8, 8);
	refused("an event cannot take 8 bytes");
	make();
	set_n(&m.f, m.data + 6, 3, 2);
	refused("a record cannot be 3 bytes long");
	pf_begin(&m);
	pf_sample(&m, 4711, 1, 1, 1, "", 0);
	pf_end(&m);
	refused("the head does not have");
}

/*
 * @events, compressed as perf does: one stream, of which each record has what @piece bytes give; 0:
 * one record has it all.
 */
static void make_compressed(uint32_t type, unsigned int events, size_t piece)
{
	static struct bytes plain, b;
	static unsigned char out[65000];
	ZSTD_CStream *z = ZSTD_createCStream();
	unsigned int i = 0, end;
	size_t at, n;

	b.n = 0;
	for (end = 3000; i < events; end += 3000) {	/* as many as a file in memory can have */
		pf_begin(&m);
		for (; i < events && i < end; i++) {
			if (i & 1)
				pf_exit(&m, 101 + i % 7, 1000 + i, 0x7b);
			else
				pf_entry(&m, 101 + i % 7, 1000 + i, i % 5);
		}
		plain.n = 0;
		put(&plain, m.f.b + m.data, m.f.n - m.data);
		pf_begin(&m);
		for (at = 0; at < plain.n; at += n) {
			ZSTD_inBuffer in = { plain.b + at, 0, 0 };
			ZSTD_outBuffer o = { out, sizeof(out), 0 };

			n = !piece || plain.n - at < piece ? plain.n - at : piece;
			in.size = n;
			ZSTD_compressStream2(z, &o, &in, piece || i == events ? ZSTD_e_flush :
					     ZSTD_e_continue);
			assert_int_equal(in.pos, n);
			if (type == 83 && piece) {	/* its length, and filled up to 8 bytes */
				put_n(&b, o.pos, 8);
				put(&b, out, o.pos);
				put(&b, "\xff\xff\xff\xff\xff\xff\xff", (8 - o.pos % 8) % 8);
			} else {
				put(&b, out, o.pos);
			}
			if (!piece)
				continue;
			pf_record(&m, type, &b);
			pf_round(&m);
			b.n = 0;
		}
	}
	if (b.n)
		pf_record(&m, type, &b);
	pf_end(&m);
	ZSTD_freeCStream(z);
}

static uint64_t sums[3];	/* of events, times, reasons */

static int add_up(const struct kvm_event *e, void *arg)
{
	(void)arg;
	assert_true(e->ts_ns == 1000 + sums[0]);
	sums[0]++;
	sums[1] += e->ts_ns;
	sums[2] += e->type == KVM_EVENT_EXIT ? e->reason : 0;
	return 0;
}

static void count_compressed(uint32_t type, unsigned int events, size_t piece)
{
	struct input_ops ops = { add_up, lost, &got, NULL };

	make_compressed(type, events, piece);
	memset(sums, 0, sizeof(sums));
	memset(&info, 0, sizeof(info));
	assert_int_equal(reader_fd(&r, memfile(m.f.b, m.f.n)), 0);
	assert_int_equal(perfdata_input(&r, &ops, &info), 0);
	reader_close(&r);
	assert_int_equal(sums[0], events);
	assert_int_equal(sums[1], 1000ull * events + (uint64_t)events * (events - 1) / 2);
	assert_int_equal(sums[2], events / 2 * 0x7b);
	assert_int_equal(info.events, events);
}

static void compressed(void **state)
{
	/* Records cut in two; many in one; all 200 kB in one. */
	static const size_t pieces[] = { 37, 1000, 30000, 1 << 20 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		count_compressed(81, 3000, pieces[i]);
		count_compressed(83, 3000, pieces[i]);
	}
	/* More than fits at a time into the memory that it is unpacked to. */
	count_compressed(81, 9000, 0);
}

static void compressed_damaged(void **state)
{
	static struct bytes b;
	size_t at, size;

	(void)state;
	make_compressed(81, 60, 1000);
	m.f.b[m.data + 8] ^= 0xff;		/* the stream's magic number */
	refused("cannot be unpacked");
	/* Of two records of the stream the first is missing. */
	make_compressed(81, 60, 1000);
	m.f.b[m.data] = 200;
	refused("cannot be unpacked");
	/* The last one is missing, whose events are cut in two. */
	make_compressed(81, 60, 1000);
	memcpy(&size, m.f.b + m.head_data + 8, 8);
	for (at = m.data; at < m.data + size;) {
		uint16_t n;

		memcpy(&n, m.f.b + at + 6, 2);
		/* A round comes behind it. */
		if (at + n + 8 >= m.data + size && m.f.b[at] == 81)
			m.f.b[at] = 200;
		at += n;
	}
	refused("is not whole");
	make_compressed(83, 60, 1000);
	set_n(&m.f, m.data + 8, 1 << 20, 8);
	refused("longer than it can be");
	/* Compressed twice. */
	pf_begin(&m);
	b.n = 0;
	put_n(&b, 81 | 8ull << 48, 8);
	{
		static unsigned char out[256];
		struct bytes *twice = calloc(1, sizeof(*twice));

		put(twice, out, ZSTD_compress(out, sizeof(out), b.b, b.n, 1));
		pf_record(&m, 81, twice);
		free(twice);
	}
	pf_end(&m);
	refused("is no record");
}

static void every_length(void **state)
{
	size_t n;

	(void)state;
	make();
	for (n = m.f.n; n-- > 0;) {
		m.f.n = n;
		if (read_file(NULL) < 0)
			assert_true(r.why[0]);
	}
}

static void every_byte(void **state)
{
	size_t i, n;

	(void)state;
	make();
	n = m.f.n;
	for (i = 0; i < n; i++) {
		static const unsigned char bad[] = { 0, 0xff, 0x80, 1 };
		unsigned char was = m.f.b[i];
		int k;

		for (k = 0; k < 4; k++) {
			m.f.b[i] = bad[k];
			read_file(NULL);
		}
		m.f.b[i] = was;
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_in_order),
		cmocka_unit_test(lost_samples),
		cmocka_unit_test(other_samples),
		cmocka_unit_test(not_usable),
		cmocka_unit_test(compressed),
		cmocka_unit_test(compressed_damaged),
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_byte),
	};

	/* A seed for the fuzzer; with one more word a compressed one. */
	if (argc > 1) {
		FILE *f = fopen(argv[1], "we");

		make();
		if (argc > 2)
			make_compressed(81, 40, 1000);
		return !f || fwrite(m.f.b, 1, m.f.n, f) != m.f.n || fclose(f);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
