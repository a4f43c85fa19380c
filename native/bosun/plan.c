#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "text.h"

#define HEADER_BYTES 16u
#define RECORD_BYTES 64u

static bool inside(const struct plan *plan, uint64_t offset, uint64_t length) {
  return offset <= plan->blob_size && length <= plan->blob_size - offset;
}

/* A reference: offset in the low 32 bits, length in the high ones. */
static uint32_t low(uint64_t reference) {
  return (uint32_t)reference;
}

static uint32_t high(uint64_t reference) {
  return (uint32_t)(reference >> 32);
}

static bool text_is_sound(const struct plan *plan, uint64_t reference) {
  if (!inside(plan, low(reference), (uint64_t)high(reference) + 1)) return false;
  const uint8_t *text = plan->blob + low(reference);
  return memchr(text, 0, high(reference)) == NULL && text[high(reference)] == 0;
}

static bool list_is_sound(const struct plan *plan, uint64_t reference) {
  if (low(reference) % 8 != 0 || !inside(plan, low(reference), (uint64_t)high(reference) * 8)) return false;
  for (uint32_t i = 0; i < high(reference); i++) {
    if (!text_is_sound(plan, get_u64(plan->blob + low(reference) + (size_t)i * 8))) return false;
  }
  return true;
}

static bool argument_is_sound(const struct plan *plan, char kind, uint64_t value) {
  switch (kind) {
    case 'w':
      return high(value) == 0;
    case 'd':
      return high(value) == 0 && (low(value) == NO_SLOT || low(value) < plan->slots);
    case 's':
      return text_is_sound(plan, value);
    case 'v':
      return list_is_sound(plan, value);
    case 'b':
      return inside(plan, low(value), high(value));
    default:
      return true;
  }
}

/* An op with more arguments than a record holds keeps a reference to the rest in the record's last place. */
static uint64_t argument(const struct op *op, unsigned position) {
  unsigned count = op_shapes[op->code].count;
  unsigned own = count > PLAN_INLINE_ARGUMENTS ? PLAN_INLINE_ARGUMENTS - 1 : count;
  if (position < own) return get_u64(op->record + 8 + (size_t)position * 8);
  uint64_t reference = get_u64(op->record + 8 + (size_t)own * 8);
  return get_u64(op->plan->blob + low(reference) + (size_t)(position - own) * 8);
}

static bool overflow_is_sound(const struct plan *plan, const uint8_t *record, unsigned count) {
  if (count <= PLAN_INLINE_ARGUMENTS) return true;
  uint64_t reference = get_u64(record + 8 + (PLAN_INLINE_ARGUMENTS - 1) * 8);
  return low(reference) % 8 == 0 && high(reference) == count - (PLAN_INLINE_ARGUMENTS - 1) &&
         inside(plan, low(reference), (uint64_t)high(reference) * 8);
}

static int check_op(const struct plan *plan, uint32_t index) {
  const uint8_t *record = plan->data + HEADER_BYTES + (size_t)index * RECORD_BYTES;
  uint32_t code = get_u32(record);
  if (code >= OP_LIMIT || op_shapes[code].by == 0) return -ENOSYS;
  const struct op_shape *shape = &op_shapes[code];
  if (get_u32(record + 4) != shape->count || !overflow_is_sound(plan, record, shape->count)) return -EINVAL;
  struct op op = {.plan = plan, .record = record, .index = index, .code = code};
  for (unsigned i = 0; i < shape->count; i++) {
    if (!argument_is_sound(plan, shape->kinds[i], argument(&op, i))) return -EINVAL;
  }
  return 0;
}

int plan_check(struct plan *plan, const uint8_t *data, size_t size, uint32_t slots) {
  if (size < HEADER_BYTES || get_u32(data) != PLAN_MAGIC || get_u32(data + 8) != size) return -EINVAL;
  if (get_u32(data + 4) != PLAN_VERSION) return -ENOSYS;
  uint32_t count = get_u32(data + 12);
  if (size > PLAN_MAXIMUM_BYTES || count > PLAN_MAXIMUM_OPS || slots > PLAN_MAXIMUM_SLOTS) return -E2BIG;
  size_t records = HEADER_BYTES + (size_t)count * RECORD_BYTES;
  if (count == 0 || records > size) return -EINVAL;
  *plan = (struct plan){
      .data = data, .size = size, .blob = data + records, .blob_size = size - records, .count = count, .slots = slots};
  for (uint32_t i = 0; i < count; i++) {
    int error = check_op(plan, i);
    if (error < 0) return error;
  }
  return 0;
}

int plan_map(struct plan *plan, int memfd, uint32_t slots) {
  struct stat facts;
  int seals = fcntl(memfd, F_GET_SEALS);
  if (seals < 0 || (seals & (F_SEAL_WRITE | F_SEAL_SHRINK)) != (F_SEAL_WRITE | F_SEAL_SHRINK)) return -EPERM;
  if (fstat(memfd, &facts) < 0) return -errno;
  if (facts.st_size < (off_t)HEADER_BYTES) return -EINVAL;
  if (facts.st_size > (off_t)PLAN_MAXIMUM_BYTES) return -E2BIG;
  size_t size = (size_t)facts.st_size;
  void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, memfd, 0);
  if (data == MAP_FAILED) return -errno;
  int error = plan_check(plan, data, size, slots);
  if (error < 0) munmap(data, size);
  return error;
}

void plan_unmap(struct plan *plan) {
  munmap((void *)(uintptr_t)plan->data, plan->size);
  *plan = (struct plan){0};
}

struct op plan_op(const struct plan *plan, uint32_t index) {
  const uint8_t *record = plan->data + HEADER_BYTES + (size_t)index * RECORD_BYTES;
  return (struct op){.plan = plan, .record = record, .index = index, .code = get_u32(record)};
}

uint32_t plan_count(const struct plan *plan, uint32_t code) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < plan->count; i++) count += plan_op(plan, i).code == code;
  return count;
}

uint32_t op_word(const struct op *op, unsigned position) {
  return low(argument(op, position));
}

uint64_t op_quad(const struct op *op, unsigned position) {
  return argument(op, position);
}

int64_t op_signed(const struct op *op, unsigned position) {
  return (int64_t)argument(op, position);
}

const char *op_text(const struct op *op, unsigned position) {
  return (const char *)op->plan->blob + low(argument(op, position));
}

const uint8_t *op_bytes(const struct op *op, unsigned position, uint32_t *length) {
  uint64_t reference = argument(op, position);
  *length = high(reference);
  return op->plan->blob + low(reference);
}

uint32_t op_list(const struct op *op, unsigned position) {
  return high(argument(op, position));
}

const char *op_list_item(const struct op *op, unsigned position, uint32_t item) {
  uint64_t list = argument(op, position);
  return (const char *)op->plan->blob + low(get_u64(op->plan->blob + low(list) + (size_t)item * 8));
}
