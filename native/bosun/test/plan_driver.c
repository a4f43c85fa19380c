/*
 * Drives the plan decoder for the tests. Standard input holds cases: u32 size, u32 slots, then the plan's bytes.
 *   walk              prints for each case the result and a hash over all that the accessors give
 *   fuzz SEED COUNT   decodes COUNT mutations of the cases and touches all that it accepts
 * Each plan is copied to memory of exactly its size, so that the address sanitizer sees every read beyond it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "text.h"

#define CASE_LIMIT 4096u

struct test_case {
  uint32_t slots;
  uint32_t size;
  uint8_t *data;
};

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
  const uint8_t *at = data;
  for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
  return hash;
}

static uint64_t hash_number(uint64_t hash, uint64_t number) {
  uint8_t bytes[8];
  put_u64(bytes, number);
  return hash_bytes(hash, bytes, sizeof bytes);
}

static uint64_t hash_text(uint64_t hash, const char *text) {
  return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_argument(uint64_t hash, const struct op *op, unsigned position) {
  uint32_t count = 0;
  const uint8_t *bytes = NULL;
  switch (op_shapes[op->code].kinds[position]) {
    case 'w':
    case 'd':
      return hash_number(hash, op_word(op, position));
    case 'i':
      return hash_number(hash, (uint64_t)op_signed(op, position));
    case 's':
      return hash_text(hash, op_text(op, position));
    case 'b':
      bytes = op_bytes(op, position, &count);
      return hash_bytes(hash_number(hash, count), bytes, count);
    case 'v':
      count = op_list(op, position);
      hash = hash_number(hash, count);
      for (uint32_t i = 0; i < count; i++) hash = hash_text(hash, op_list_item(op, position, i));
      return hash;
    default:
      return hash_number(hash, op_quad(op, position));
  }
}

static uint64_t hash_plan(const struct plan *plan) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint32_t i = 0; i < plan->count; i++) {
    struct op op = plan_op(plan, i);
    hash = hash_number(hash, op.code);
    for (unsigned position = 0; position < op_shapes[op.code].count; position++) hash = hash_argument(hash, &op, position);
  }
  return hash;
}

static size_t read_cases(struct test_case *cases) {
  size_t count = 0;
  uint8_t header[8];
  while (count < CASE_LIMIT && fread(header, sizeof header, 1, stdin) == 1) {
    struct test_case *one = &cases[count++];
    one->size = get_u32(header);
    one->slots = get_u32(header + 4);
    one->data = malloc(one->size == 0 ? 1 : one->size);
    if (one->data == NULL || (one->size > 0 && fread(one->data, one->size, 1, stdin) != 1)) exit(2);
  }
  return count;
}

static void walk(const struct test_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct plan plan;
    int result = plan_check(&plan, cases[i].data, cases[i].size, cases[i].slots);
    printf("%d %016llx\n", result, result < 0 ? 0ull : (unsigned long long)hash_plan(&plan));
  }
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Numbers at which offsets and lengths go wrong. */
static uint32_t nasty_number(uint64_t *state, uint32_t size) {
  const uint32_t numbers[] = {0, 1, 7, 8, size, size - 1, size + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, PLAN_MAXIMUM_OPS, OP_LIMIT};
  return numbers[next_random(state) % (sizeof numbers / sizeof numbers[0])];
}

static void mutate(uint8_t *data, uint32_t size, uint64_t *state) {
  for (uint64_t changes = 1 + next_random(state) % 6; changes > 0 && size >= 8; changes--) {
    size_t at = next_random(state) % (size - 3);
    if (next_random(state) % 2 == 0) data[at] = (uint8_t)next_random(state);
    else put_u32(data + (at & ~(size_t)3), next_random(state) % 2 == 0 ? nasty_number(state, size) : (uint32_t)next_random(state) % size);
  }
}

static void fuzz(const struct test_case *cases, size_t count, uint64_t seed, uint64_t rounds) {
  uint64_t state = seed | 1;
  uint64_t accepted = 0;
  uint64_t total = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    const struct test_case *origin = &cases[next_random(&state) % count];
    uint32_t size = next_random(&state) % 8 == 0 ? (uint32_t)(next_random(&state) % (origin->size + 1)) : origin->size;
    uint8_t *data = malloc(size == 0 ? 1 : size);
    if (data == NULL) exit(2);
    memcpy(data, origin->data, size);
    mutate(data, size, &state);
    /* Most mutations leave the total alone or could not get past the first check. */
    if (size >= 16 && next_random(&state) % 4 != 0) put_u32(data + 8, size);
    struct plan plan;
    if (plan_check(&plan, data, size, origin->slots) == 0) {
      accepted++;
      total += hash_plan(&plan);
    }
    free(data);
  }
  printf("%llu %016llx\n", (unsigned long long)accepted, (unsigned long long)total);
}

int main(int argc, char **argv) {
  static struct test_case cases[CASE_LIMIT];
  size_t count = read_cases(cases);
  if (argc == 2 && strcmp(argv[1], "walk") == 0) walk(cases, count);
  else if (argc == 4 && strcmp(argv[1], "fuzz") == 0 && count > 0) fuzz(cases, count, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
  else return 2;
  for (size_t i = 0; i < count; i++) free(cases[i].data);
  return 0;
}
