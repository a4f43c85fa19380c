#include "log_ring.h"

#include <string.h>
#include <sys/mman.h>

#define BOOK_BYTES 4096u
#define PAGE_BYTES 4096u
#define ALIGNMENT 8u

/* What stands before a record's text. */
struct ring_entry {
  uint32_t size;
  uint16_t from_stderr;
  uint16_t whole;
  uint64_t began;
};

_Static_assert(sizeof(struct log_ring) <= BOOK_BYTES, "the books fit their pages");

static uint64_t load(const uint64_t *at) {
  return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

static void store(uint64_t *at, uint64_t value) {
  __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
}

static char *data_of(const struct log_ring *ring) {
  return (char *)(uintptr_t)ring + BOOK_BYTES;
}

static uint64_t room_for(size_t size) {
  return sizeof(struct ring_entry) + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct log_ring *ring_open(uint64_t limit, const struct log_row *row) {
  uint64_t size = (limit + room_for(LOG_PIECE_BYTES) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  if (limit > INT64_MAX / 2) return NULL;
  void *memory = mmap(NULL, BOOK_BYTES + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  struct log_ring *ring = memory;
  *ring = (struct log_ring){.limit = limit, .size = size, .number = row->number, .born = row->born, .begun = UINT64_MAX};
  return ring;
}

uint64_t ring_time(struct log_ring *ring, uint64_t now) {
  ring->newest = now > ring->newest ? now : ring->newest + 1;
  return ring->newest;
}

uint64_t ring_head(const struct log_ring *ring) {
  return load(&ring->head);
}

uint64_t ring_tail(const struct log_ring *ring) {
  return load(&ring->tail);
}

static void copy_in(struct log_ring *ring, uint64_t at, const void *from, size_t size) {
  size_t place = (size_t)(at % ring->size);
  size_t first = size < ring->size - place ? size : (size_t)(ring->size - place);
  memcpy(data_of(ring) + place, from, first);
  memcpy(data_of(ring), (const char *)from + first, size - first);
}

static void copy_out(const struct log_ring *ring, uint64_t at, void *to, size_t size) {
  size_t place = (size_t)(at % ring->size);
  size_t first = size < ring->size - place ? size : (size_t)(ring->size - place);
  memcpy(to, data_of(ring) + place, first);
  memcpy((char *)to + first, data_of(ring), size - first);
}

/* As Docker does: what comes when the ring is full is lost, and a record that is larger than the ring may be goes in when it is alone. */
bool ring_put(struct log_ring *ring, const struct log_record *record) {
  uint64_t waiting = ring->head - load(&ring->tail);
  uint64_t room = room_for(record->size);
  struct ring_entry entry = {.size = (uint32_t)record->size, .from_stderr = strcmp(record->stream, "stderr") == 0, .whole = record->whole, .began = record->began};
  if (waiting > 0 && waiting + room > ring->limit) return false;
  copy_in(ring, ring->head, &entry, sizeof entry);
  copy_in(ring, ring->head + sizeof entry, record->data, record->size);
  store(&ring->head, ring->head + room);
  return true;
}

uint64_t ring_read(const struct log_ring *ring, uint64_t at, struct log_record *record, char *piece) {
  struct ring_entry entry;
  copy_out(ring, at, &entry, sizeof entry);
  copy_out(ring, at + sizeof entry, piece, entry.size);
  *record = (struct log_record){.stream = entry.from_stderr != 0 ? "stderr" : "stdout", .began = entry.began, .data = piece, .size = entry.size, .whole = entry.whole != 0};
  return at + room_for(entry.size);
}

bool ring_give_back(struct log_ring *ring) {
  if (ring->head != load(&ring->tail)) return false;
  madvise(data_of(ring), (size_t)ring->size, MADV_REMOVE);
  return true;
}

/* `begun` comes last: before it nothing has been written, so that what is half noted misleads nobody. */
void ring_begin(struct log_ring *ring, const struct log_row *row) {
  store(&ring->number, row->number);
  store(&ring->born, row->born);
  store(&ring->base, row->size);
  store(&ring->begun, ring->tail);
}

void ring_commit(struct log_ring *ring, uint64_t tail, uint32_t lost) {
  __atomic_store_n(&ring->lost, lost, __ATOMIC_SEQ_CST);
  store(&ring->tail, tail);
}

/* Said first and looked after, while the other side puts first and looks after: one of both sees what the other did. */
bool ring_fall_asleep(struct log_ring *ring) {
  __atomic_store_n(&ring->asleep, 1, __ATOMIC_SEQ_CST);
  if (load(&ring->head) == ring->tail && !ring_is_finished(ring)) return true;
  __atomic_store_n(&ring->asleep, 0, __ATOMIC_SEQ_CST);
  return false;
}

bool ring_is_finished(const struct log_ring *ring) {
  return __atomic_load_n(&ring->finish, __ATOMIC_SEQ_CST) != 0;
}

bool ring_must_wake(struct log_ring *ring) {
  if (__atomic_load_n(&ring->asleep, __ATOMIC_SEQ_CST) == 0) return false;
  __atomic_store_n(&ring->asleep, 0, __ATOMIC_SEQ_CST);
  return true;
}

void ring_finish(struct log_ring *ring) {
  __atomic_store_n(&ring->finish, 1, __ATOMIC_SEQ_CST);
}
