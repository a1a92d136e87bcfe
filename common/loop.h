#ifndef FLIXTUBE_COMMON_LOOP_H
#define FLIXTUBE_COMMON_LOOP_H

#include <stdint.h>

#include "result.h"

/*
 * An event loop on libuv: the only module that uses it in the services. All
 * is for the loop's own thread, but for loop_waker_wake(). Things made here
 * are ended by their _end(), NULL is fine, and no callback comes after that.
 */
struct loop;
struct loop_timer;
struct loop_watch;
struct loop_waker;

enum result loop_make(struct loop **ret, struct fault *fault);
/* After everything made on it was ended; work under way is waited for. */
void loop_end(struct loop *loop);

/* Runs until loop_quit(). */
void loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

/*
 * Calls `stop` at the first SIGTERM or SIGINT; at the second the process ends
 * at once with exit code 1. SIGPIPE is ignored from here on.
 */
enum result loop_on_stop_signal(struct loop *loop, void (*stop)(void *context),
                                void *context, struct fault *fault);

/* First after first_ms, then each repeat_ms (0: once). */
enum result loop_timer_start(struct loop *loop, uint32_t first_ms,
                             uint32_t repeat_ms, void (*due)(void *context),
                             void *context, struct loop_timer **ret,
                             struct fault *fault);
void loop_timer_end(struct loop_timer *timer);

/* Calls `ready` while the descriptor can be read. End it before closing fd. */
enum result loop_watch_start(struct loop *loop, int fd,
                             void (*ready)(void *context), void *context,
                             struct loop_watch **ret, struct fault *fault);
void loop_watch_end(struct loop_watch *watch);

/* Lets other threads call `woken` on the loop; many wakes may become one. */
enum result loop_waker_start(struct loop *loop, void (*woken)(void *context),
                             void *context, struct loop_waker **ret,
                             struct fault *fault);
void loop_waker_wake(struct loop_waker *waker); /* any thread */
void loop_waker_end(struct loop_waker *waker);

/* Runs `work` on another thread, then `done` on the loop. */
enum result loop_work(struct loop *loop, void (*work)(void *context),
                      void (*done)(void *context), void *context,
                      struct fault *fault);

#endif
