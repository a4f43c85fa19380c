/*
 * Feeds bosun's parsers with damaged input, under sanitizers. Inputs that reach code that no earlier one reached are kept and damaged further: the compiler
 * calls __sanitizer_cov_trace_pc at each edge (gcc(1), -fsanitize-coverage=trace-pc).
 *   harness TARGET SEED ROUNDS SECONDS   standard input: cases to begin with, each u32 size, then its bytes. 0 SECONDS: as long as the rounds take.
 * Prints "rounds kept edges". Whatever a sanitizer or a broken promise finds ends it with another status than 0, after the input is written to standard error.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "log.h"
#include "plan.h"
#include "text.h"

#define EDGES 8192u
#define CORPUS 4096u
#define LARGEST 32768u
#define SLOTS 5u
#define UNINSTRUMENTED __attribute__((no_sanitize_coverage))

struct input {
  size_t size;
  uint8_t *data;
};

static uint8_t seen[EDGES];
static uint8_t now[EDGES];
static uintptr_t previous;
static uint64_t state;
static struct input corpus[CORPUS];
static size_t kept;
static struct input current;
/* What is read goes here, so that no compiler leaves the reading out. */
static volatile uint64_t touched;

void __sanitizer_cov_trace_pc(void);

UNINSTRUMENTED void __sanitizer_cov_trace_pc(void) {
  /* Told from a place of its own: where the kernel loads the program, it does the same with the same seed. */
  uintptr_t place = (uintptr_t)__builtin_return_address(0) - (uintptr_t)__sanitizer_cov_trace_pc;
  uintptr_t mixed = (place ^ (place >> 16)) * 0x9e3779b1u;
  now[(mixed ^ previous) % EDGES] = 1;
  previous = mixed >> 1;
}

UNINSTRUMENTED static void tell_input(void) {
  fprintf(stderr, "\ninput of %zu bytes:", current.size);
  for (size_t i = 0; i < current.size; i++) fprintf(stderr, " %02x", current.data[i]);
  fputc('\n', stderr);
}

UNINSTRUMENTED static void require(bool promise, const char *what) {
  if (promise) return;
  fprintf(stderr, "broken promise: %s\n", what);
  abort();
}

UNINSTRUMENTED static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* Everything that the accessors of plan.h give is read to its end. */
static void walk_argument(const struct op *op, unsigned position) {
  uint32_t count = 0;
  switch (op_shapes[op->code].kinds[position]) {
    case 's':
      require(strlen(op_text(op, position)) < LARGEST, "a text ends within its plan");
      break;
    case 'b': {
      const uint8_t *bytes = op_bytes(op, position, &count);
      for (uint32_t i = 0; i < count; i++) touched = bytes[i];
      break;
    }
    case 'v':
      count = op_list(op, position);
      for (uint32_t i = 0; i < count; i++) require(strlen(op_list_item(op, position, i)) < LARGEST, "an item ends within its plan");
      break;
    case 'd':
      require(op_word(op, position) == NO_SLOT || op_word(op, position) < SLOTS, "a slot is one that came along");
      break;
    default:
      touched = op_quad(op, position);
  }
}

static void feed_plan(const uint8_t *data, size_t size) {
  struct plan plan;
  if (plan_check(&plan, data, size, SLOTS) < 0) return;
  require(plan.count > 0 && plan.count <= PLAN_MAXIMUM_OPS, "a plan has as many ops as it may");
  for (uint32_t i = 0; i < plan.count; i++) {
    struct op op = plan_op(&plan, i);
    for (unsigned position = 0; position < op_shapes[op.code].count; position++) walk_argument(&op, position);
  }
}

/* The bytes come in portions of a size that the input says, as pipes give them. */
static void feed_log(const uint8_t *data, size_t size) {
  static struct log log;
  static struct log_line line;
  static char text[LARGEST * 8];
  int file = memfd_create("log", MFD_CLOEXEC);
  require(file >= 0, "a memory file can be made");
  memset(&log, 0, sizeof log);
  memset(&line, 0, sizeof line);
  log.fd = file;
  log.row.directory = -1;
  line.stream = "stdout";
  size_t portion = size == 0 ? 1 : 1u + data[0] * 97u;
  for (size_t at = 0; at < size; at += portion) log_feed(&log, &line, (const char *)data + at, size - at < portion ? size - at : portion, at * 1000003u);
  log_end(&log, &line);
  log_flush(&log);
  ssize_t length = pread(file, text, sizeof text, 0);
  close(file);
  require(length >= 0 && (size == 0) == (length == 0) && log.lost == 0, "all that came is logged");
  for (char *at = text, *end; at < text + length; at = end + 1) {
    end = memchr(at, '\n', (size_t)(text + length - at));
    require(end != NULL && end - at > 10 && memcmp(at, "{\"log\":\"", 8) == 0 && end[-1] == '}', "a line is one JSON object");
    for (char *byte = at; byte < end; byte++) require((uint8_t)*byte >= 0x20, "no control character is in a line");
  }
}

static void feed_frames(const uint8_t *data, size_t size) {
  int pair[2];
  struct frame frame = {0};
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "a pair of sockets can be made");
  size_t portion = size == 0 ? 1 : 1u + data[0] % 64u;
  int result = 0;
  for (size_t at = 0; at < size && result >= 0; at += portion) {
    size_t length = size - at < portion ? size - at : portion;
    require(send(pair[0], data + at, length, 0) == (ssize_t)length, "a socket takes a little");
    while ((result = frame_receive(pair[1], &frame)) == 1) {
      require(frame_payload_size(&frame) <= FRAME_MAXIMUM_PAYLOAD, "a payload fits");
      touched = frame_type(&frame);
      for (size_t i = 0; i < frame_payload_size(&frame); i++) touched = frame_payload(&frame)[i];
      frame_clear(&frame);
    }
  }
  frame_clear(&frame);
  close(pair[0]);
  close(pair[1]);
}

typedef void feeder(const uint8_t *data, size_t size);
static const struct {
  const char *name;
  feeder *feed;
} targets[] = {{"plan", feed_plan}, {"log", feed_log}, {"frames", feed_frames}};

/* Numbers at which offsets, lengths and characters go wrong. */
UNINSTRUMENTED static uint32_t nasty_number(size_t size) {
  const uint32_t numbers[] = {0, 1, 4, 7, 8, 64, 68, 69, (uint32_t)size, (uint32_t)size - 1, (uint32_t)size + 1, 0x7fffffff, 0x80000000, 0xffffffff,
                              0xfffffff8, PLAN_MAXIMUM_OPS, OP_LIMIT, 0xa880e2, 0xbda0ed, 0x80e2, 0x90f4};
  return numbers[next_random() % (sizeof numbers / sizeof numbers[0])];
}

UNINSTRUMENTED static void change_once(uint8_t *data, size_t *size) {
  const struct input *other = &corpus[next_random() % kept];
  size_t at = *size == 0 ? 0 : next_random() % *size;
  switch (next_random() % 7) {
    case 0:
      if (*size > 0) data[at] ^= (uint8_t)(1u << next_random() % 8);
      break;
    case 1:
      if (*size > 0) data[at] = (uint8_t)next_random();
      break;
    case 2:
      if (*size >= 4) put_u32(data + (at % (*size - 3) & ~(size_t)3), nasty_number(*size));
      break;
    case 3:
      if (*size >= 4) put_u32(data + at % (*size - 3), (uint32_t)(next_random() % (*size + 1)));
      break;
    case 4:
      *size = at;
      break;
    case 5: { /* A piece of another input comes in. */
      size_t from = other->size == 0 ? 0 : next_random() % other->size;
      size_t length = other->size == 0 ? 0 : 1 + next_random() % (other->size - from);
      if (*size + length > LARGEST) break;
      memmove(data + at + length, data + at, *size - at);
      memcpy(data + at, other->data + from, length);
      *size += length;
      break;
    }
    default: { /* A piece goes. */
      size_t length = *size == 0 ? 0 : 1 + next_random() % (*size - at);
      memmove(data + at, data + at + length, *size - at - length);
      *size -= length;
    }
  }
}

UNINSTRUMENTED static bool reached_more(void) {
  bool more = false;
  for (size_t i = 0; i < EDGES; i++) {
    more |= now[i] != 0 && seen[i] == 0;
    seen[i] |= now[i];
  }
  return more;
}

UNINSTRUMENTED static void keep(const uint8_t *data, size_t size) {
  if (kept == CORPUS) return;
  struct input *input = &corpus[kept++];
  *input = (struct input){.size = size, .data = malloc(size + 1)};
  if (input->data == NULL) exit(2);
  memcpy(input->data, data, size);
}

/* In memory of exactly its size, so that each read beyond it is seen. */
UNINSTRUMENTED static void try(feeder *feed, const uint8_t *data, size_t size) {
  current = (struct input){.size = size, .data = malloc(size == 0 ? 1 : size)};
  if (current.data == NULL) exit(2);
  memcpy(current.data, data, size);
  memset(now, 0, sizeof now);
  previous = 0;
  feed(current.data, size);
  free(current.data);
  current = (struct input){0};
}

UNINSTRUMENTED static void read_cases(feeder *feed) {
  static uint8_t data[LARGEST];
  uint8_t header[4];
  while (fread(header, sizeof header, 1, stdin) == 1) {
    size_t size = get_u32(header);
    if (size > LARGEST || (size > 0 && fread(data, size, 1, stdin) != 1)) exit(2);
    try(feed, data, size);
    if (reached_more() || kept == 0) keep(data, size);
  }
}

UNINSTRUMENTED static uint64_t fuzz(feeder *feed, uint64_t rounds, time_t seconds) {
  static uint8_t data[LARGEST];
  time_t end = time(NULL) + seconds;
  uint64_t round = 0;
  for (; round < rounds && (seconds == 0 || round % 256 != 0 || time(NULL) < end); round++) {
    const struct input *origin = &corpus[next_random() % kept];
    size_t size = origin->size;
    memcpy(data, origin->data, size);
    for (uint64_t changes = 1 + next_random() % 6; changes > 0; changes--) change_once(data, &size);
    /* A plan that does not know its size gets no further. */
    if (feed == feed_plan && size >= 16 && next_random() % 8 != 0) put_u32(data + 8, (uint32_t)size);
    try(feed, data, size);
    if (reached_more()) keep(data, size);
  }
  return round;
}

void __sanitizer_set_death_callback(void (*callback)(void));

UNINSTRUMENTED static void on_abort(int signal_number) {
  tell_input();
  signal(signal_number, SIG_DFL);
}

UNINSTRUMENTED int main(int argc, char **argv) {
  if (argc != 5) return 2;
  feeder *feed = NULL;
  for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
    if (strcmp(argv[1], targets[i].name) == 0) feed = targets[i].feed;
  }
  if (feed == NULL) return 2;
  __sanitizer_set_death_callback(tell_input);
  signal(SIGABRT, on_abort);
  state = strtoull(argv[2], NULL, 10) | 1;
  read_cases(feed);
  if (kept == 0) return 2;
  uint64_t rounds = fuzz(feed, strtoull(argv[3], NULL, 10), (time_t)strtoll(argv[4], NULL, 10));
  size_t edges = 0;
  for (size_t i = 0; i < EDGES; i++) edges += seen[i];
  printf("%llu %zu %zu\n", (unsigned long long)rounds, kept, edges);
  for (size_t i = 0; i < kept; i++) free(corpus[i].data);
  return 0;
}
