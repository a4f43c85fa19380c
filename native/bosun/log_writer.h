/*
 * The writer of a log that may not hold its container up: a process of its own, forked from the monitor, which takes records out of a ring (log_ring.h) and is the one that
 * a slow or stuck disk stops. It goes on when the monitor is killed until the ring is empty; when it is killed itself the monitor makes another.
 */
#ifndef BOSUN_LOG_WRITER_H
#define BOSUN_LOG_WRITER_H

#include "log.h"

/* Writes what comes until it is finished, or nobody is left at the other end of the link. */
_Noreturn void writer_main(struct log *log, int link);

#endif
