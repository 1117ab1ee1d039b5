// SPDX-License-Identifier: GPL-2.0
/*
 * Every way in which user space can make a block device write, each with the
 * exact set of tracking blocks that it must mark.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "random.h"
#include "track.h"

#define BUF_SIZE (2u << 20)

struct io {
	struct tracked *t;
	int direct, buffered;
	uint64_t block;		/* bytes of a tracking block */
	uint32_t sector;	/* bytes of a logical block of the device */
	uint64_t rng;
	uint8_t *buf;		/* page aligned */
};

struct kind {
	const char *name;
	/* 0: done; EOPNOTSUPP: this device or kernel has no such thing; else an errno */
	int (*run)(struct io *io);
};

static int failed(void)
{
	return errno ? errno : EIO;
}

static int direct_write(struct io *io, uint64_t at, uint64_t length)
{
	track_wrote(io->t, at, length);
	if (pwrite(io->direct, io->buf, length, at) != (ssize_t)length)
		return failed();
	return 0;
}

/* A spot for @length bytes, aligned to @align, anywhere on the device. */
static uint64_t spot(struct io *io, uint64_t length, uint64_t align)
{
	return random_below(&io->rng, (io->t->size - length) / align + 1) * align;
}

static int nothing(struct io *io)
{
	(void)io;
	return 0;
}

static int only_reads(struct io *io)
{
	for (int i = 0; i < 8; i++)
		if (pread(io->direct, io->buf, 65536, spot(io, 65536, 4096)) != 65536)
			return failed();
	return 0;
}

static int only_flushes(struct io *io)
{
	return fsync(io->direct) ? failed() : 0;
}

static int one_sector(struct io *io)
{
	return direct_write(io, spot(io, io->sector, io->sector), io->sector);
}

static int first_and_last_sector(struct io *io)
{
	int err = direct_write(io, 0, io->sector);

	return err ? err : direct_write(io, io->t->size - io->sector, io->sector);
}

static int one_whole_block(struct io *io)
{
	return direct_write(io, spot(io, io->block, io->block), io->block);
}

static int across_an_edge(struct io *io)
{
	uint64_t edge = spot(io, 2 * io->block, io->block) + io->block;

	return direct_write(io, edge - io->sector, 2 * io->sector);
}

static int up_to_an_edge(struct io *io)
{
	uint64_t edge = spot(io, 2 * io->block, io->block) + io->block;
	int err = direct_write(io, edge - io->sector, io->sector);

	return err ? err : direct_write(io, spot(io, io->block, io->block), io->sector);
}

static int large_and_odd(struct io *io)
{
	uint64_t length = (1u << 20) + 3 * io->sector;

	return direct_write(io, spot(io, length, io->sector), length);
}

static int neighbours_to_be_merged(struct io *io)
{
	uint64_t at = spot(io, 16 * io->sector, io->sector);
	struct iocb cb[16], *list[16];
	struct io_event events[16];
	aio_context_t ctx = 0;
	int err = 0;

	if (syscall(SYS_io_setup, 16, &ctx))
		return failed();
	memset(cb, 0, sizeof(cb));
	for (int i = 0; i < 16; i++) {
		cb[i].aio_fildes = io->direct;
		cb[i].aio_lio_opcode = IOCB_CMD_PWRITE;
		cb[i].aio_buf = (uintptr_t)io->buf + i * io->sector;
		cb[i].aio_nbytes = io->sector;
		cb[i].aio_offset = at + i * io->sector;
		list[i] = &cb[i];
	}
	track_wrote(io->t, at, 16 * io->sector);
	if (syscall(SYS_io_submit, ctx, 16, list) != 16 ||
	    syscall(SYS_io_getevents, ctx, 16, 16, events, NULL) != 16)
		err = failed();
	for (int i = 0; !err && i < 16; i++)
		if (events[i].res != io->sector)
			err = EIO;
	syscall(SYS_io_destroy, ctx);
	return err;
}

static int vectors(struct io *io)
{
	struct iovec iov[24];
	uint64_t at = spot(io, sizeof(iov) / sizeof(*iov) * 4096, io->sector);

	for (int i = 0; i < 24; i++)
		iov[i] = (struct iovec){ io->buf + (23 - i) * 8192, 4096 };
	track_wrote(io->t, at, 24 * 4096);
	return pwritev(io->direct, iov, 24, at) == 24 * 4096 ? 0 : failed();
}

static int with_flags(struct io *io, int flags)
{
	uint64_t at = spot(io, 4096, 4096);
	struct iovec iov = { io->buf, 4096 };

	track_wrote(io->t, at, 4096);
	return pwritev2(io->direct, &iov, 1, at, flags) == 4096 ? 0 : failed();
}

static int forced_to_the_medium(struct io *io)
{
	return with_flags(io, RWF_DSYNC);
}

static int high_priority(struct io *io)
{
	return with_flags(io, RWF_HIPRI);
}

/* Nothing need be copied, as there is no snapshot: it must not be refused by us. */
static int without_waiting(struct io *io)
{
	uint64_t at = spot(io, 4096, 4096);
	struct iovec iov = { io->buf, 4096 };

	track_wrote(io->t, at, 4096);
	for (int i = 0; i < 100; i++) {
		if (pwritev2(io->direct, &iov, 1, at, RWF_NOWAIT) == 4096)
			return 0;
		if (errno != EAGAIN)
			return failed();
		usleep(1000);
	}
	/* Drivers of bios (dm, brd) may not know it at all: they say so every time. */
	return pwritev2(io->direct, &iov, 1, at, 0) == 4096 ? 0 : failed();
}

static int buffered_write(struct io *io, uint64_t at, uint64_t length)
{
	track_wrote(io->t, at, length);
	return pwrite(io->buffered, io->buf, length, at) == (ssize_t)length ? 0 : failed();
}

static int buffered_byte(struct io *io)
{
	int err = buffered_write(io, spot(io, 1, 1), 1);

	return err ? err : fsync(io->buffered) ? failed() : 0;
}

static int buffered_many(struct io *io)
{
	int err = 0;

	for (int i = 0; !err && i < 16; i++) {
		uint64_t length = 1 + random_below(&io->rng, 100000);

		err = buffered_write(io, spot(io, length, 1), length);
	}
	return err ? err : fdatasync(io->buffered) ? failed() : 0;
}

/* The take itself has to write these out before it closes the number. */
static int buffered_and_not_synced(struct io *io)
{
	/* Of the tracked device that is, not of what stands above it. */
	if (io->t->path != io->t->io_path)
		return EOPNOTSUPP;
	return buffered_write(io, spot(io, 300000, 1), 300000);
}

static int sync_file_range_only(struct io *io)
{
	uint64_t at = spot(io, 8192, 4096);
	int err = buffered_write(io, at, 8192);

	if (err)
		return err;
	return sync_file_range(io->buffered, at, 8192, SYNC_FILE_RANGE_WAIT_BEFORE |
			       SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) ? failed() : 0;
}

static int mapped(struct io *io)
{
	uint64_t at = spot(io, 1 << 20, 4096);
	uint8_t *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, io->buffered, at);
	int err = 0;

	if (map == MAP_FAILED)
		return failed();
	for (int i = 0; i < 4; i++) {
		uint64_t in = random_below(&io->rng, 1 << 20);

		map[in] ^= 0x5a;
		track_wrote(io->t, at + in, 1);
	}
	if (msync(map, 1 << 20, MS_SYNC))
		err = failed();
	munmap(map, 1 << 20);
	return err;
}

static int ioctl_range(struct io *io, unsigned long request, uint64_t at, uint64_t length)
{
	uint64_t range[2] = { at, length };

	if (ioctl(io->direct, request, range))
		return failed();
	track_wrote(io->t, at, length);
	return 0;
}

static int discarded(struct io *io)
{
	return ioctl_range(io, BLKDISCARD, spot(io, 5 * io->block, 4096), 5 * io->block);
}

static int securely_discarded(struct io *io)
{
	return ioctl_range(io, BLKSECDISCARD, spot(io, io->block, 4096), io->block);
}

static int zeroed_by_ioctl(struct io *io)
{
	return ioctl_range(io, BLKZEROOUT, spot(io, 3 * io->block, 4096), 3 * io->block);
}

static int allocate(struct io *io, int mode)
{
	uint64_t at = spot(io, 2 * io->block, 4096);

	if (fallocate(io->direct, mode, at, 2 * io->block))
		return failed();
	track_wrote(io->t, at, 2 * io->block);
	return 0;
}

static int zero_range(struct io *io)
{
	return allocate(io, FALLOC_FL_ZERO_RANGE);
}

static int zero_range_kept(struct io *io)
{
	return allocate(io, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
}

static int punched(struct io *io)
{
	return allocate(io, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

struct uring {
	int fd;
	struct io_uring_params p;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqe;
	size_t sq_size, cq_size;
};

static int uring_open(struct uring *u)
{
	memset(u, 0, sizeof(*u));
	u->fd = syscall(SYS_io_uring_setup, 32, &u->p);
	if (u->fd < 0)
		return failed();
	u->sq_size = u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t);
	u->cq_size = u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe);
	u->sq = mmap(NULL, u->sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		     IORING_OFF_SQ_RING);
	u->cq = mmap(NULL, u->cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		     IORING_OFF_CQ_RING);
	u->sqe = mmap(NULL, u->p.sq_entries * sizeof(*u->sqe), PROT_READ | PROT_WRITE,
		      MAP_SHARED, u->fd, IORING_OFF_SQES);
	return u->sq == MAP_FAILED || u->cq == MAP_FAILED || u->sqe == MAP_FAILED ? failed() : 0;
}

static void uring_close(struct uring *u)
{
	munmap(u->sqe, u->p.sq_entries * sizeof(*u->sqe));
	munmap(u->cq, u->cq_size);
	munmap(u->sq, u->sq_size);
	close(u->fd);
}

/* 16 writes in flight at once, the last two linked to an fsync behind them. */
static int uring(struct io *io)
{
	struct uring u;
	int err = uring_open(&u);
	uint32_t *tail = (uint32_t *)(u.sq + u.p.sq_off.tail), mask, n = 0;

	if (err)
		return err == ENOSYS || err == EPERM ? EOPNOTSUPP : err;
	mask = *(uint32_t *)(u.sq + u.p.sq_off.ring_mask);
	for (; n < 17; n++) {
		struct io_uring_sqe *sqe = &u.sqe[n];
		uint64_t at = spot(io, 4096, io->sector);

		memset(sqe, 0, sizeof(*sqe));
		sqe->fd = io->direct;
		sqe->opcode = n == 16 ? IORING_OP_FSYNC : IORING_OP_WRITE;
		sqe->flags = n == 15 ? IOSQE_IO_LINK : 0;
		if (n < 16) {
			sqe->addr = (uintptr_t)io->buf + n * 4096;
			sqe->len = 4096;
			sqe->off = at;
			track_wrote(io->t, at, 4096);
		}
		((uint32_t *)(u.sq + u.p.sq_off.array))[n & mask] = n;
	}
	__atomic_store_n(tail, *tail + n, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u.fd, n, n, IORING_ENTER_GETEVENTS, NULL, 0) != n)
		err = failed();
	for (uint32_t i = 0; !err && i < n; i++) {
		struct io_uring_cqe *cqe = (void *)(u.cq + u.p.cq_off.cqes);

		if (cqe[i].res < 0)
			err = -cqe[i].res;
	}
	uring_close(&u);
	return err;
}

struct swarm {
	struct io *io;
	uint64_t at[32];
	int err;
};

static void *swarm_run(void *arg)
{
	struct swarm *swarm = arg;
	void *buf;

	if (posix_memalign(&buf, 4096, 4096))
		return NULL;
	memset(buf, 0x77, 4096);
	for (int i = 0; i < 32; i++)
		if (pwrite(swarm->io->direct, buf, 4096, swarm->at[i]) != 4096)
			swarm->err = failed();
	free(buf);
	return NULL;
}

/* Threads on different CPUs, so on different queues, in neighbouring map bytes. */
static int many_threads(struct io *io)
{
	struct swarm swarm[8];
	pthread_t thread[8];
	int err = 0;

	for (int i = 0; i < 8; i++) {
		swarm[i].io = io;
		swarm[i].err = 0;
		for (int k = 0; k < 32; k++) {
			swarm[i].at[k] = spot(io, 4096, 4096);
			track_wrote(io->t, swarm[i].at[k], 4096);
		}
		if (pthread_create(&thread[i], NULL, swarm_run, &swarm[i]))
			return failed();
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(thread[i], NULL);
		if (swarm[i].err)
			err = swarm[i].err;
	}
	return err;
}

static int through_a_pipe(struct io *io)
{
	uint64_t at = spot(io, 4096, 4096);
	off_t to = at;
	int pipes[2], err = 0;

	if (pipe(pipes))
		return failed();
	if (write(pipes[1], io->buf, 4096) != 4096 ||
	    splice(pipes[0], NULL, io->buffered, &to, 4096, 0) != 4096 || fsync(io->buffered))
		err = failed();
	track_wrote(io->t, at, 4096);
	close(pipes[0]);
	close(pipes[1]);
	return err;
}

static const struct kind kinds[] = {
	{ "nothing at all", nothing },
	{ "reads", only_reads },
	{ "a flush without data", only_flushes },
	{ "one sector, direct", one_sector },
	{ "first and last sector", first_and_last_sector },
	{ "one whole tracking block", one_whole_block },
	{ "two sectors across an edge", across_an_edge },
	{ "up to an edge and from an edge", up_to_an_edge },
	{ "1 MiB and 3 sectors at an odd place", large_and_odd },
	{ "16 neighbours submitted together", neighbours_to_be_merged },
	{ "a vector of 24 pieces", vectors },
	{ "RWF_DSYNC (FUA)", forced_to_the_medium },
	{ "RWF_HIPRI", high_priority },
	{ "RWF_NOWAIT", without_waiting },
	{ "one byte, buffered", buffered_byte },
	{ "16 odd ranges, buffered", buffered_many },
	{ "buffered and not synced before the take", buffered_and_not_synced },
	{ "sync_file_range", sync_file_range_only },
	{ "mmap", mapped },
	{ "BLKDISCARD", discarded },
	{ "BLKSECDISCARD", securely_discarded },
	{ "BLKZEROOUT", zeroed_by_ioctl },
	{ "FALLOC_FL_ZERO_RANGE", zero_range },
	{ "FALLOC_FL_ZERO_RANGE, kept allocated", zero_range_kept },
	{ "FALLOC_FL_PUNCH_HOLE", punched },
	{ "io_uring, 16 in flight", uring },
	{ "8 threads", many_threads },
	{ "splice", through_a_pipe },
};

int track_all_kinds(const char *path, const char *io_path, uint64_t shift)
{
	struct tracked t;
	struct io io = { .t = &t, .rng = random_seed() };
	unsigned int done = 0;

	track_start(&t, path, io_path, shift);
	io.direct = open_dev(t.io_path, O_RDWR | O_DIRECT);
	io.buffered = open_dev(t.io_path, O_RDWR);
	io.block = t.info.block_size;
	io.buf = io_alloc(BUF_SIZE);
	check(!ioctl(io.direct, BLKSSZGET, &io.sector), "BLKSSZGET");
	memset(io.buf, 0xa5, BUF_SIZE);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int err = kinds[i].run(&io);

		if (err == EOPNOTSUPP) {
			printf("%s: not supported by this device\n", kinds[i].name);
			memset(t.expected, 0, t.info.block_count);
		} else if (err) {
			printf("%s: %s\n", kinds[i].name, strerror(err));
			t.faults++;
		} else {
			done++;
		}
		track_compare(&t, kinds[i].name);
	}
	printf("%u of %zu kinds of write on %s\n", done, sizeof(kinds) / sizeof(*kinds),
	       t.io_path);
	close(io.buffered);
	close(io.direct);
	free(io.buf);
	track_stop(&t);
	return t.faults ? 1 : 0;
}
