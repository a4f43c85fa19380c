#include "passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "text.h"

#define CONTROL_BYTES CMSG_SPACE(sizeof(int) * PASSING_MAXIMUM)
#define MESSAGE_HEADER_BYTES 8u

void descriptors_close(struct descriptors *descriptors) {
  for (unsigned i = 0; i < descriptors->count; i++) {
    if (descriptors->at[i] >= 0) close(descriptors->at[i]);
  }
  descriptors->count = 0;
}

int passing_send(int socket, const void *data, size_t size, const int *fds, unsigned count, int flags) {
  _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
  struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > PASSING_MAXIMUM) return -E2BIG;
  if (count > 0) {
    size_t bytes = sizeof(int) * count;
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(bytes);
    memset(control, 0, header.msg_controllen);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(rights), fds, bytes);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &header, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return -errno;
  return (size_t)sent == size ? 0 : -EAGAIN;
}

static void collect(struct msghdr *header, struct descriptors *descriptors) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      if (descriptors->count < PASSING_MAXIMUM) {
        descriptors->at[descriptors->count++] = fd;
      } else {
        close(fd);
      }
    }
  }
}

ssize_t passing_receive(int socket, void *data, size_t size, struct descriptors *descriptors, int flags) {
  _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
  struct iovec part = {.iov_base = data, .iov_len = size};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t count;
  do count = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  descriptors->count = 0;
  collect(&header, descriptors);
  return count;
}

int message_send(int socket, enum message_type type, uint32_t value, const int *fds, unsigned count) {
  uint8_t data[MESSAGE_HEADER_BYTES];
  put_u32(data, type);
  put_u32(data + 4, value);
  return passing_send(socket, data, sizeof data, fds, count, 0);
}

int message_send_report(int socket, const struct report *report) {
  uint8_t data[MESSAGE_HEADER_BYTES + REPORT_BYTES];
  put_u32(data, MESSAGE_FAILED);
  put_u32(data + 4, 0);
  size_t size = report_encode(report, data + MESSAGE_HEADER_BYTES);
  return passing_send(socket, data, MESSAGE_HEADER_BYTES + size, NULL, 0, 0);
}

int message_receive(int socket, struct message *message) {
  uint8_t data[MESSAGE_HEADER_BYTES + REPORT_BYTES];
  ssize_t count = passing_receive(socket, data, sizeof data, &message->descriptors, 0);
  /* A peer that dies with our message unread resets the pair. */
  if (count == -ECONNRESET) return 0;
  if (count <= 0) return (int)count;
  if ((size_t)count < MESSAGE_HEADER_BYTES) {
    descriptors_close(&message->descriptors);
    return -EPROTO;
  }
  message->type = get_u32(data);
  message->value = get_u32(data + 4);
  if (message->type != MESSAGE_FAILED) return 1;
  int error = report_decode(&message->report, data + MESSAGE_HEADER_BYTES, (size_t)count - MESSAGE_HEADER_BYTES);
  return error < 0 ? error : 1;
}
