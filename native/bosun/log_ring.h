/*
 * Records on their way from the monitor to the writer of its log, in memory that both share: a ring of bounded size, which one side puts into and the other takes
 * from, and neither waits for the other. What a writer has done is noted here as well, so that one that takes over from a killed one loses and doubles nothing.
 */
#ifndef BOSUN_LOG_RING_H
#define BOSUN_LOG_RING_H

#include "log.h"

/* The bookkeeping, in pages of its own: those of the records are given back when the ring is empty. */
struct log_ring {
  uint64_t limit; /* bytes that may wait, unless it is one record only */
  uint64_t size;  /* bytes of `data` */
  uint64_t head;  /* bytes ever put in; the monitor's, as the next two */
  uint64_t newest;
  uint32_t finish; /* nothing more comes */
  uint32_t asleep; /* the writer waits for a word of the monitor's */
  uint64_t tail;   /* bytes ever taken out, whose records are in the log or lost; the writer's, as all that follows */
  uint64_t number; /* of the file that is written */
  uint64_t born;   /* as in struct log_row */
  uint64_t base;   /* size of that file before the write that was begun last … */
  uint64_t begun;  /* … and `tail` then: they are equal until it is done */
  uint32_t lost;
};

/* Shared with every process that is forked later; NULL without memory. It goes with the processes. */
struct log_ring *ring_open(uint64_t limit, const struct log_row *row);
/* A time for the next line, later than that of every line before. */
uint64_t ring_time(struct log_ring *ring, uint64_t now);
uint64_t ring_head(const struct log_ring *ring);
uint64_t ring_tail(const struct log_ring *ring);
/* False: there is no room. */
bool ring_put(struct log_ring *ring, const struct log_record *record);
/* The record at this place; `piece`, of LOG_PIECE_BYTES, gets its text. Returns the place of the next one. */
uint64_t ring_read(const struct log_ring *ring, uint64_t at, struct log_record *record, char *piece);
/* Gives the memory of an empty ring back. Only by who puts in. False: it is not empty. */
bool ring_give_back(struct log_ring *ring);

/* By the writer: it writes next, from the row's present size on; and it has written everything up to a place. */
void ring_begin(struct log_ring *ring, const struct log_row *row);
void ring_commit(struct log_ring *ring, uint64_t tail, uint32_t lost);
/* Before waiting. False: there is something to do. */
bool ring_fall_asleep(struct log_ring *ring);
bool ring_is_finished(const struct log_ring *ring);

/* By the monitor: true when the writer sleeps and must be told. */
bool ring_must_wake(struct log_ring *ring);
void ring_finish(struct log_ring *ring);

#endif
