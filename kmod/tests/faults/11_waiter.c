/* fault 11: destroying a snapshot wakes who waits for its events, and does not wait for them */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "source.h"

static struct blksnap_uuid id;

static void *waiter(void *result)
{
	struct blksnap_snapshot_event event;

	*(int *)result = snap_event(control(), &id, 600000, &event);
	return NULL;
}

int main(void)
{
	struct source source = source_open(sh("dev_null 8"));
	pthread_t threads[4];
	uint32_t count = 0;
	int results[4], i, own = ctl_open();
	struct pollfd hup = { own, POLLIN, 0 };

	id = take_one("/tmp", 4 * MIB, &source);
	must(snap_subscribe(own, &id));
	control();
	for (i = 0; i < 4; i++)
		check(!pthread_create(&threads[i], NULL, waiter, &results[i]), "thread");
	usleep(300000);
	must(snap_destroy(control(), &id));
	want(snap_collect(control(), NULL, &count), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		check(results[i] == -ESRCH || results[i] == -ENOENT, "a waiter got %s", result_name(results[i]));
	}
	check(poll(&hup, 1, 60000) == 1 && hup.revents & POLLHUP, "poll: %#x", hup.revents);
	/* nothing of it is left: its device is free, and the storage too */
	must(bf_detach(source.fd));
	close(own);
	return 0;
}
