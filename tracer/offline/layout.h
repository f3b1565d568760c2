/* SPDX-License-Identifier: GPL-2.0 */
/* The bytes of a file of events (exitlab-trace(5)), little-endian as every host of KVM on x86. */
#ifndef EXITLAB_OFFLINE_LAYOUT_H
#define EXITLAB_OFFLINE_LAYOUT_H

#include <stdint.h>

struct recfile_head {
	char magic[8];		/* RECFILE_MAGIC */
	uint32_t version;
	uint32_t size;		/* of this head: where the first block is */
};

#define BLOCK_MAGIC	0x4b4c4258u	/* "XBLK" */
#define BLOCK_MAX	(1u << 20)	/* bytes of a block's content */
#define BLOCK_EVENTS	1600		/* events in a block: 64,000 bytes */
#define NO_VCPU		0xffffu

struct recfile_block_head {
	uint32_t magic;		/* BLOCK_MAGIC */
	uint32_t type;		/* enum recfile_block */
	uint32_t len;		/* bytes that follow */
	uint32_t crc;		/* CRC-32 of this head with @crc = 0, and of what follows */
	uint64_t base_ns;	/* events: the time their @dt counts from */
	uint32_t seq;		/* 0, 1, ... */
	uint32_t reserved;	/* 0 */
};

struct recfile_event {
	uint32_t dt;		/* ns since @base_ns */
	uint32_t tid;
	uint64_t a, b, c;
	uint16_t cpu, vcpu, vm;
	uint8_t type, flags;
};

_Static_assert(sizeof(struct recfile_head) == 16, "file format");
_Static_assert(sizeof(struct recfile_block_head) == 32, "file format");
_Static_assert(sizeof(struct recfile_event) == 40, "file format");

#endif
