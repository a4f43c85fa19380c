/* Frames of the control stream: see native/README.md. */
#ifndef BOSUN_FRAME_H
#define BOSUN_FRAME_H

#include "passing.h"

enum frame_type {
  FRAME_SANDBOX = 1,
  FRAME_RUN = 2,
  FRAME_START = 3,
  FRAME_RESIZE = 4,
  FRAME_SIGNAL = 5,
  FRAME_CLOSE_STDIN = 6,
  FRAME_SANDBOXED = 16,
  FRAME_CREATED = 17,
  FRAME_STARTED = 18,
  FRAME_FAILED = 19,
  FRAME_EXITED = 20,
  FRAME_STATUS = 21,
  FRAME_REFUSED = 22,
  FRAME_ROTATED = 23,
};

#define FRAME_HEADER_BYTES 8u
#define FRAME_MAXIMUM_PAYLOAD 64u

/* A frame that comes in, maybe in portions. */
struct frame {
  size_t have;
  uint8_t data[FRAME_HEADER_BYTES + FRAME_MAXIMUM_PAYLOAD];
  struct descriptors descriptors;
};

uint32_t frame_type(const struct frame *frame);
const uint8_t *frame_payload(const struct frame *frame);
size_t frame_payload_size(const struct frame *frame);
/* Reads on without blocking. 1: the frame is whole, 0: not yet, -ECONNRESET: the stream has ended, -EPROTO: this is no frame. */
int frame_receive(int socket, struct frame *frame);
/* Forgets the frame and closes what descriptors it still holds. */
void frame_clear(struct frame *frame);
/* Without blocking; -EAGAIN when the peer does not read. */
int frame_send(int socket, enum frame_type type, const void *payload, size_t size);

#endif
