/* Plans: see native/README.md for the format. Everything is checked once by plan_check; the accessors below rely on that. */
#ifndef BOSUN_PLAN_H
#define BOSUN_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "ops.h"

struct plan {
  const uint8_t *data;
  size_t size;
  const uint8_t *blob;
  size_t blob_size;
  uint32_t count;
  uint32_t slots;
};

struct op {
  const struct plan *plan;
  const uint8_t *record;
  uint32_t index;
  uint32_t code;
};

/*
 * Accepts the plan whose bytes these are when it may have `slots` descriptors; the bytes must stay. Else -EINVAL, -E2BIG or -ENOSYS (another version, an
 * unknown op).
 */
int plan_check(struct plan *plan, const uint8_t *data, size_t size, uint32_t slots);
/* The same for a sealed memfd, which is mapped: without seals its owner could change or shrink it under us, so it is -EPERM. */
int plan_map(struct plan *plan, int memfd, uint32_t slots);
void plan_unmap(struct plan *plan);

struct op plan_op(const struct plan *plan, uint32_t index);
/* How often an op occurs. */
uint32_t plan_count(const struct plan *plan, uint32_t code);

uint32_t op_word(const struct op *op, unsigned position);
uint64_t op_quad(const struct op *op, unsigned position);
int64_t op_signed(const struct op *op, unsigned position);
const char *op_text(const struct op *op, unsigned position);
const uint8_t *op_bytes(const struct op *op, unsigned position, uint32_t *length);
uint32_t op_list(const struct op *op, unsigned position);
const char *op_list_item(const struct op *op, unsigned position, uint32_t item);

#endif
