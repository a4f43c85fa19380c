// Plain files for short commands (src/sys/plain-files.ts). A failing call of these returns -errno instead of throwing: most failures are expected there.
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM 4096

static napi_value outcome(struct call *call, int64_t result) { return from_integer(call->env, result < 0 ? -errno : result); }

static napi_value plain_open_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "open", 3);
  struct path path;
  path_at(&call, 0, &path);
  int flags = (int)integer_at(&call, 1);
  mode_t mode = (mode_t)integer_at(&call, 2);
  return call.failed ? NULL : outcome(&call, open(path.text, flags | O_CLOEXEC, mode));
}

// To the end, wherever that is: files of /proc say that they are empty.
static int64_t read_all(int fd, char **data) {
  struct stat facts;
  if (fstat(fd, &facts) < 0) return -1;
  size_t room = facts.st_size > 0 ? (size_t)facts.st_size + 1 : FIRST_ROOM;
  size_t used = 0;
  for (;;) {
    char *grown = used == 0 || used == room ? realloc(*data, room = used == 0 ? room : room * 2) : *data;
    if (grown == NULL) return -1;
    *data = grown;
    ssize_t count = read(fd, grown + used, room - used);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? -1 : (int64_t)used;
    used += (size_t)count;
  }
}

static napi_value plain_read_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "read", 1);
  struct path path;
  path_at(&call, 0, &path);
  if (call.failed) return NULL;
  int fd = open(path.text, O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return outcome(&call, fd);
  char *data = NULL;
  int64_t length = read_all(fd, &data);
  napi_value result = NULL;
  if (length < 0) result = outcome(&call, length);
  else napi_create_buffer_copy(env, (size_t)length, data, NULL, &result);
  free(data);
  close(fd);
  return result;
}

static napi_value plain_read_into_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "read", 3);
  int fd = fd_at(&call, 0);
  struct bytes bytes = bytes_at(&call, 1);
  int64_t position = integer_at(&call, 2);
  if (call.failed) return NULL;
  return outcome(&call, position < 0 ? read(fd, bytes.data, bytes.length) : pread(fd, bytes.data, bytes.length, position));
}

static napi_value write_text(struct call *call, int fd, size_t length) {
  char *text = malloc(length + 1);
  if (text == NULL) return throw_errno(call, ENOMEM, NULL);
  napi_get_value_string_utf8(call->env, call->argument[1], text, length + 1, &length);
  napi_value result = outcome(call, write(fd, text, length));
  free(text);
  return result;
}

static napi_value plain_write_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "write", 2);
  int fd = fd_at(&call, 0);
  size_t length = 0;
  if (!call.failed && napi_get_value_string_utf8(env, call.argument[1], NULL, 0, &length) == napi_ok) return write_text(&call, fd, length);
  struct bytes bytes = bytes_at(&call, 1);
  return call.failed ? NULL : outcome(&call, write(fd, bytes.data, bytes.length));
}

static napi_value plain_exists_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "access", 1);
  struct path path;
  path_at(&call, 0, &path);
  return call.failed ? NULL : outcome(&call, access(path.text, F_OK));
}

static napi_value plain_mkdir_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "mkdir", 2);
  struct path path;
  path_at(&call, 0, &path);
  mode_t mode = (mode_t)integer_at(&call, 1);
  return call.failed ? NULL : outcome(&call, mkdir(path.text, mode));
}

static napi_value plain_remove_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "unlink", 2);
  struct path path;
  path_at(&call, 0, &path);
  int flags = (int)integer_at(&call, 1);
  return call.failed ? NULL : outcome(&call, unlinkat(AT_FDCWD, path.text, flags));
}

static napi_value plain_rename_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "rename", 2);
  struct path from, to;
  path_at(&call, 0, &from);
  path_at(&call, 1, &to);
  return call.failed ? NULL : outcome(&call, rename(from.text, to.text));
}

// Name after name, each behind the letter of its type as in `ls -l`, `?` where the file system does not tell.
static napi_value list_names(napi_env env, DIR *directory) {
  static const char letters[] = {[DT_DIR] = 'd', [DT_REG] = '-', [DT_LNK] = 'l', [DT_FIFO] = 'p', [DT_SOCK] = 's', [DT_CHR] = 'c', [DT_BLK] = 'b'};
  napi_value list, name;
  uint32_t count = 0;
  napi_create_array(env, &list);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char text[sizeof entry->d_name + 1];
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    text[0] = entry->d_type < sizeof letters && letters[entry->d_type] != 0 ? letters[entry->d_type] : '?';
    strcpy(text + 1, entry->d_name);
    napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, count++, name);
  }
  return list;
}

static napi_value plain_list_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "readdir", 1);
  struct path path;
  path_at(&call, 0, &path);
  if (call.failed) return NULL;
  DIR *directory = opendir(path.text);
  if (directory == NULL) return outcome(&call, -1);
  errno = 0;
  napi_value list = list_names(env, directory);
  napi_value result = errno == 0 ? list : outcome(&call, -1);
  closedir(directory);
  return result;
}

const struct method plain_methods[] = {{"plainOpen", plain_open_method},
                                       {"plainRead", plain_read_method},
                                       {"plainReadInto", plain_read_into_method},
                                       {"plainWrite", plain_write_method},
                                       {"plainExists", plain_exists_method},
                                       {"plainMkdir", plain_mkdir_method},
                                       {"plainRemove", plain_remove_method},
                                       {"plainRename", plain_rename_method},
                                       {"plainList", plain_list_method},
                                       {NULL, NULL}};
