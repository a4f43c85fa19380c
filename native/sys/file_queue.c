// New files whose names are made at once, by the calling thread, and whose contents, owners, modes and times are written by threads of the queue. So
// names come in their order, with all that may be wrong with them, and the rest runs beside whatever the caller does next. One file after the other.
#include "file_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_THREADS 8
// Bounds of what waits or is being written: one more chunk than so many bytes; so many open files.
#define MAX_BYTES (16u << 20)
#define MAX_FILES 256
// A thread that sleeps is not worth waking for less.
#define WORTH_BYTES (256u << 10)
#define WORTH_PIECES 16

struct file {
  int fd;
  // How many wait or are being written. Whoever finds none left of an ended file gives it its attributes.
  unsigned pieces;
  bool ended;
  uid_t uid;
  gid_t gid;
  mode_t mode;
  off_t size;
  int64_t mtime;
  // What an error calls it.
  char label[];
};

struct piece {
  struct piece *next;
  struct file *file;
  off_t offset;
  size_t length;
  uint8_t data[];
};

struct queue {
  pthread_mutex_t lock;
  pthread_cond_t work, room;
  struct piece *first, **last;
  size_t waiting_bytes, waiting_pieces;
  // With those being written.
  size_t bytes, files;
  // The caller's alone: the file that has begun and not ended.
  struct file *current;
  unsigned idle;
  bool stop;
  // The caller sleeps until no more than this is left.
  bool caller_waits;
  size_t wanted_bytes, wanted_files;
  // The first failure: nothing is written any more.
  int error;
  const char *syscall;
  char label[PATH_MAX];
  pthread_t threads[MAX_THREADS];
  unsigned thread_count;
};

static int write_piece(const struct piece *piece, const char **syscall) {
  *syscall = "write";
  for (size_t at = 0; at < piece->length;) {
    ssize_t written = pwrite(piece->file->fd, piece->data + at, piece->length - at, piece->offset + (off_t)at);
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) at += (size_t)written;
  }
  return 0;
}

// The kernel's cost of chown(2) and chmod(2) is a journalled change each: they are left out where the new file is already as wanted. chown clears set-id
// bits, so the mode comes after it; the time is last.
static int finish_file(const struct file *file, const char **syscall) {
  struct stat facts;
  *syscall = "fstat";
  if (fstat(file->fd, &facts) < 0) return errno;
  *syscall = "ftruncate";
  if (facts.st_size != file->size && ftruncate(file->fd, file->size) < 0) return errno;
  *syscall = "fchown";
  if ((facts.st_uid != file->uid || facts.st_gid != file->gid) && fchown(file->fd, file->uid, file->gid) < 0) return errno;
  *syscall = "fchmod";
  if ((facts.st_mode & 07777) != file->mode && fchmod(file->fd, file->mode) < 0) return errno;
  *syscall = "utimensat";
  const struct timespec times[2] = {to_timespec(file->mtime), to_timespec(file->mtime)};
  return futimens(file->fd, times) < 0 ? errno : 0;
}

static void free_file(struct file *file) {
  close(file->fd);
  free(file);
}

static bool is_wanted(const struct queue *queue) { return queue->bytes <= queue->wanted_bytes && queue->files <= queue->wanted_files; }

static void fail(struct queue *queue, int error, const char *syscall, const struct file *file) {
  if (error == 0 || queue->error != 0) return;
  queue->error = error;
  queue->syscall = syscall;
  memcpy(queue->label, file->label, strlen(file->label) + 1);
}

// With the lock held, which is let go meanwhile.
static void handle_piece(struct queue *queue, struct piece *piece) {
  struct file *file = piece->file;
  const char *syscall = NULL;
  bool broken = queue->error != 0;
  pthread_mutex_unlock(&queue->lock);
  int error = broken ? 0 : write_piece(piece, &syscall);
  size_t length = piece->length;
  free(piece);
  pthread_mutex_lock(&queue->lock);
  queue->bytes -= length;
  fail(queue, error, syscall, file);
  if (--file->pieces > 0 || !file->ended) return;
  broken = queue->error != 0;
  pthread_mutex_unlock(&queue->lock);
  error = broken ? 0 : finish_file(file, &syscall);
  close(file->fd);
  pthread_mutex_lock(&queue->lock);
  fail(queue, error, syscall, file);
  free(file);
  queue->files--;
}

static struct piece *take_piece(struct queue *queue) {
  struct piece *piece = queue->first;
  queue->first = piece->next;
  if (queue->first == NULL) queue->last = &queue->first;
  queue->waiting_bytes -= piece->length;
  queue->waiting_pieces--;
  return piece;
}

static void *run_thread(void *argument) {
  struct queue *queue = argument;
  pthread_mutex_lock(&queue->lock);
  for (;;) {
    while (queue->first == NULL && !queue->stop) {
      queue->idle++;
      pthread_cond_wait(&queue->work, &queue->lock);
      queue->idle--;
    }
    if (queue->stop) break;
    handle_piece(queue, take_piece(queue));
    if (queue->caller_waits && is_wanted(queue)) pthread_cond_signal(&queue->room);
  }
  pthread_mutex_unlock(&queue->lock);
  return NULL;
}

// Threads are not woken for little: now they are.
static void wait_until(struct queue *queue, size_t bytes, size_t files) {
  if (queue->first != NULL) pthread_cond_broadcast(&queue->work);
  queue->wanted_bytes = bytes;
  queue->wanted_files = files;
  queue->caller_waits = true;
  while (!is_wanted(queue)) pthread_cond_wait(&queue->room, &queue->lock);
  queue->caller_waits = false;
}

// With half the room free when there was none, so that the caller sleeps seldom.
static void wait_for_room(struct queue *queue) {
  if (queue->bytes >= MAX_BYTES || queue->files >= MAX_FILES) wait_until(queue, MAX_BYTES / 2, MAX_FILES / 2);
}

// Ends the threads; what waits is dropped.
static void stop_queue(struct queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->stop = true;
  pthread_cond_broadcast(&queue->work);
  pthread_mutex_unlock(&queue->lock);
  for (unsigned i = 0; i < queue->thread_count; i++) pthread_join(queue->threads[i], NULL);
  queue->thread_count = 0;
  while (queue->first != NULL) {
    struct piece *piece = take_piece(queue);
    struct file *file = piece->file;
    free(piece);
    // Each ended file has a piece: an end is one.
    if (--file->pieces == 0 && file->ended) free_file(file);
  }
  if (queue->current != NULL) free_file(queue->current);
  queue->current = NULL;
}

static void free_queue(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct queue *queue = data;
  stop_queue(queue);
  pthread_mutex_destroy(&queue->lock);
  pthread_cond_destroy(&queue->work);
  pthread_cond_destroy(&queue->room);
  free(queue);
}

// NULL, and an exception, for what is no queue or was closed.
static struct queue *queue_at(struct call *call, size_t index) {
  napi_valuetype type = napi_undefined;
  void *data = NULL;
  if (call->failed) return NULL;
  napi_typeof(call->env, call->argument[index], &type);
  if (type != napi_external || napi_get_value_external(call->env, call->argument[index], &data) != napi_ok) throw_type(call, "expected a file queue");
  struct queue *queue = data;
  if (!call->failed && queue->thread_count == 0) throw_errno(call, EBADF, NULL);
  return call->failed ? NULL : queue;
}

static struct queue *queue_with_file_at(struct call *call, size_t index) {
  struct queue *queue = queue_at(call, index);
  if (queue != NULL && queue->current == NULL) throw_errno(call, EBADF, NULL);
  return call->failed ? NULL : queue;
}

// undefined, or the failure of whichever file was the first.
static napi_value outcome(struct call *call, struct queue *queue) {
  if (queue->error == 0) return undefined(call->env);
  call->syscall = queue->syscall;
  return throw_errno(call, queue->error, queue->label);
}

napi_value file_queue_open(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "clone", 1);
  int64_t wanted = integer_at(&call, 0);
  if (!call.failed && (wanted < 1 || wanted > MAX_THREADS)) throw_errno(&call, EINVAL, NULL);
  if (call.failed) return NULL;
  struct queue *queue = calloc(1, sizeof *queue);
  if (queue == NULL) return throw_errno(&call, ENOMEM, NULL);
  pthread_mutex_init(&queue->lock, NULL);
  pthread_cond_init(&queue->work, NULL);
  pthread_cond_init(&queue->room, NULL);
  queue->last = &queue->first;
  int error = 0;
  while (error == 0 && queue->thread_count < wanted) {
    error = start_thread(&queue->threads[queue->thread_count], run_thread, queue);
    if (error == 0) queue->thread_count++;
  }
  // One is enough.
  napi_value handle = NULL;
  if (queue->thread_count > 0 && napi_create_external(env, queue, free_queue, NULL, &handle) == napi_ok) return handle;
  free_queue(env, queue, NULL);
  return throw_errno(&call, error != 0 ? error : ENOMEM, NULL);
}

napi_value file_queue_begin(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "openat", 5);
  struct path name;
  struct queue *queue = queue_at(&call, 0);
  int directory = fd_at(&call, 1);
  path_at(&call, 2, &name);
  mode_t mode = (mode_t)integer_at(&call, 4);
  // A name, not a path: then O_EXCL and O_NOFOLLOW leave nothing to be resolved.
  if (strchr(name.text, '/') != NULL) throw_errno(&call, EINVAL, name.text);
  if (!call.failed && queue->current != NULL) throw_errno(&call, EBUSY, name.text);
  char label[PATH_MAX];
  size_t length = 0;
  // What is too long is cut.
  if (!call.failed && napi_get_value_string_utf8(env, call.argument[3], label, sizeof label, &length) != napi_ok) throw_type(&call, "expected a string");
  if (call.failed) return NULL;
  struct file *file = calloc(1, sizeof *file + length + 1);
  if (file == NULL) return throw_errno(&call, ENOMEM, name.text);
  memcpy(file->label, label, length);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file->fd = openat(directory, name.text, flags, mode & 0777);
  if (file->fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    // Those of the queue may be the ones that are too many.
    pthread_mutex_lock(&queue->lock);
    wait_until(queue, 0, 0);
    pthread_mutex_unlock(&queue->lock);
    file->fd = openat(directory, name.text, flags, mode & 0777);
  }
  if (file->fd < 0) {
    int error = errno;
    free(file);
    return throw_errno(&call, error, name.text);
  }
  queue->current = file;
  return undefined(env);
}

// Hands a piece to the threads. The lock is held.
static void append(struct queue *queue, struct piece *piece) {
  *queue->last = piece;
  queue->last = &piece->next;
  piece->file->pieces++;
  queue->bytes += piece->length;
  queue->waiting_bytes += piece->length;
  queue->waiting_pieces++;
  if (queue->idle > 0 && (queue->waiting_bytes >= WORTH_BYTES || queue->waiting_pieces >= WORTH_PIECES)) pthread_cond_signal(&queue->work);
}

static struct piece *make_piece(struct file *file, const uint8_t *data, size_t length, off_t offset) {
  struct piece *piece = malloc(sizeof *piece + length);
  if (piece == NULL) return NULL;
  *piece = (struct piece){.file = file, .offset = offset, .length = length};
  if (length > 0) memcpy(piece->data, data, length);
  return piece;
}

napi_value file_queue_data(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "write", 3);
  struct queue *queue = queue_with_file_at(&call, 0);
  struct bytes data = bytes_at(&call, 1);
  off_t offset = integer_at(&call, 2);
  if (call.failed) return NULL;
  struct piece *piece = make_piece(queue->current, data.data, data.length, offset);
  if (piece == NULL) return throw_errno(&call, ENOMEM, queue->current->label);
  pthread_mutex_lock(&queue->lock);
  wait_for_room(queue);
  append(queue, piece);
  napi_value result = outcome(&call, queue);
  pthread_mutex_unlock(&queue->lock);
  return result;
}

napi_value file_queue_end(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "utimensat", 6);
  struct queue *queue = queue_with_file_at(&call, 0);
  off_t size = integer_at(&call, 1);
  mode_t mode = (mode_t)integer_at(&call, 2);
  uid_t uid = (uid_t)integer_at(&call, 3);
  gid_t gid = (gid_t)integer_at(&call, 4);
  int64_t mtime = nanoseconds_at(&call, 5);
  if (call.failed) return NULL;
  struct file *file = queue->current;
  struct piece *piece = make_piece(file, NULL, 0, 0);
  if (piece == NULL) return throw_errno(&call, ENOMEM, file->label);
  pthread_mutex_lock(&queue->lock);
  wait_for_room(queue);
  file->size = size;
  file->mode = mode;
  file->uid = uid;
  file->gid = gid;
  file->mtime = mtime;
  file->ended = true;
  queue->current = NULL;
  queue->files++;
  append(queue, piece);
  napi_value result = outcome(&call, queue);
  pthread_mutex_unlock(&queue->lock);
  return result;
}

napi_value file_queue_drain(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "write", 1);
  struct queue *queue = queue_at(&call, 0);
  if (call.failed) return NULL;
  pthread_mutex_lock(&queue->lock);
  wait_until(queue, 0, 0);
  napi_value result = outcome(&call, queue);
  pthread_mutex_unlock(&queue->lock);
  return result;
}

napi_value file_queue_close(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "close", 1);
  struct queue *queue = queue_at(&call, 0);
  if (call.failed) return NULL;
  stop_queue(queue);
  return undefined(env);
}
