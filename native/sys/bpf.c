// Programs that decide which devices the processes of a cgroup2 may use: bpf(2), cgroup-v2.rst "Device controller".
#include "sys.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// BPF_CGROUP_MAX_PROGS, and what the verifier may say of a program that it refuses.
enum { MAX_PROGRAMS = 64, LOG_SIZE = 1 << 16, SAID = 512 };

static uint64_t address(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }

static int bpf(enum bpf_cmd command, union bpf_attr *attributes) { return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes); }

// A pending signal interrupts the verifier with EAGAIN.
static int load(union bpf_attr *attributes) {
  int fd = -1;
  for (int attempt = 0; attempt < 5; attempt++) {
    fd = bpf(BPF_PROG_LOAD, attributes);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

// The end of the verifier's log, where it says what it minds.
static napi_value throw_refused(struct call *call, int error, union bpf_attr *attributes) {
  char *log = calloc(1, LOG_SIZE);
  char said[SAID] = {0};
  if (log != NULL) {
    attributes->log_buf = address(log);
    attributes->log_size = LOG_SIZE;
    attributes->log_level = 1;
    int fd = load(attributes);
    if (fd >= 0) close(fd);
    size_t length = strnlen(log, LOG_SIZE - 1);
    memcpy(said, log + (length < SAID ? 0 : length - (SAID - 1)), length < SAID ? length : SAID - 1);
    free(log);
  }
  return throw_errno_said(call, error, NULL, said);
}

static napi_value load_device_program(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "BPF_PROG_LOAD", 2);
  struct bytes instructions = bytes_at(&call, 0);
  struct path name;
  path_at(&call, 1, &name);
  if (call.failed) return NULL;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = address(instructions.data);
  attributes.insn_cnt = (uint32_t)(instructions.length / sizeof(struct bpf_insn));
  attributes.license = address("Apache-2.0");
  memcpy(attributes.prog_name, name.text, strnlen(name.text, sizeof attributes.prog_name - 1));
  int fd = load(&attributes);
  return fd < 0 ? throw_refused(&call, errno, &attributes) : from_integer(env, fd);
}

static napi_value attach_device_program(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "BPF_PROG_ATTACH", 3);
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t)fd_at(&call, 0);
  attributes.attach_bpf_fd = (uint32_t)fd_at(&call, 1);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  int replaced = fd_at(&call, 2);
  if (replaced >= 0) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = (uint32_t)replaced;
  }
  return call.failed ? NULL : done(&call, bpf(BPF_PROG_ATTACH, &attributes), NULL);
}

static napi_value detach_device_program(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "BPF_PROG_DETACH", 2);
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t)fd_at(&call, 0);
  attributes.attach_bpf_fd = (uint32_t)fd_at(&call, 1);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  return call.failed ? NULL : done(&call, bpf(BPF_PROG_DETACH, &attributes), NULL);
}

static int open_by_id(uint32_t id) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_id = id;
  return bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
}

// The program's name goes to `name`, which has BPF_OBJ_NAME_LEN bytes; empty for a program that has gone meanwhile. 0 or -1 with errno.
static int read_name(uint32_t id, char *name) {
  name[0] = 0;
  int fd = open_by_id(id);
  if (fd < 0) return errno == ENOENT ? 0 : -1;
  struct bpf_prog_info facts;
  memset(&facts, 0, sizeof facts);
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.info.bpf_fd = (uint32_t)fd;
  attributes.info.info_len = sizeof facts;
  attributes.info.info = address(&facts);
  int result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
  int error = errno;
  close(fd);
  if (result == 0) memcpy(name, facts.name, BPF_OBJ_NAME_LEN);
  errno = error;
  return result;
}

static napi_value device_programs(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "BPF_PROG_QUERY", 1);
  uint32_t ids[MAX_PROGRAMS];
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.query.target_fd = (uint32_t)fd_at(&call, 0);
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address(ids);
  attributes.query.prog_cnt = MAX_PROGRAMS;
  if (call.failed) return NULL;
  if (bpf(BPF_PROG_QUERY, &attributes) < 0) return throw_errno(&call, errno, NULL);
  napi_value list;
  napi_create_array(env, &list);
  for (uint32_t i = 0; i < attributes.query.prog_cnt; i++) {
    char name[BPF_OBJ_NAME_LEN];
    if (read_name(ids[i], name) < 0) return throw_errno(&call, errno, NULL);
    napi_value entry, text;
    napi_create_object(env, &entry);
    napi_create_string_utf8(env, name, strnlen(name, sizeof name), &text);
    set_property(env, entry, "id", from_integer(env, ids[i]));
    set_property(env, entry, "name", text);
    napi_set_element(env, list, i, entry);
  }
  return list;
}

static napi_value open_program(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "BPF_PROG_GET_FD_BY_ID", 1);
  uint32_t id = (uint32_t)integer_at(&call, 0);
  return call.failed ? NULL : number_or_errno(&call, open_by_id(id), NULL);
}

const struct method bpf_methods[] = {{"loadDeviceProgram", load_device_program},
                                     {"attachDeviceProgram", attach_device_program},
                                     {"detachDeviceProgram", detach_device_program},
                                     {"devicePrograms", device_programs},
                                     {"openProgram", open_program},
                                     {NULL, NULL}};
