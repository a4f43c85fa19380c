#include "frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

uint32_t frame_type(const struct frame *frame) {
  return get_u32(frame->data + 4);
}

const uint8_t *frame_payload(const struct frame *frame) {
  return frame->data + FRAME_HEADER_BYTES;
}

size_t frame_payload_size(const struct frame *frame) {
  return get_u32(frame->data) - 4;
}

/* How much of the frame is known to come: the header, then what it announces. 0: nonsense. */
static size_t expected(const struct frame *frame) {
  if (frame->have < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
  uint32_t length = get_u32(frame->data);
  return length < 4 || length > 4 + FRAME_MAXIMUM_PAYLOAD ? 0 : 4 + (size_t)length;
}

int frame_receive(int socket, struct frame *frame) {
  for (;;) {
    size_t wanted = expected(frame);
    if (wanted == 0) return -EPROTO;
    if (frame->have >= FRAME_HEADER_BYTES && frame->have == wanted) return 1;
    ssize_t count;
    if (frame->have == 0) {
      /* Never more than the header, so that descriptors cannot belong to a later frame. */
      count = passing_receive(socket, frame->data, wanted, &frame->descriptors, MSG_DONTWAIT);
    } else {
      count = recv(socket, frame->data + frame->have, wanted - frame->have, MSG_DONTWAIT);
      if (count < 0) count = -errno;
    }
    if (count == -EAGAIN || count == -EINTR) return 0;
    if (count <= 0) return -ECONNRESET;
    frame->have += (size_t)count;
  }
}

void frame_clear(struct frame *frame) {
  descriptors_close(&frame->descriptors);
  frame->have = 0;
}

int frame_send(int socket, enum frame_type type, const void *payload, size_t size) {
  uint8_t data[FRAME_HEADER_BYTES + REPORT_BYTES];
  if (size > REPORT_BYTES) return -E2BIG;
  put_u32(data, (uint32_t)(4 + size));
  put_u32(data + 4, type);
  if (size > 0) memcpy(data + FRAME_HEADER_BYTES, payload, size);
  return passing_send(socket, data, FRAME_HEADER_BYTES + size, NULL, 0, MSG_DONTWAIT);
}
