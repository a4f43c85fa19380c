#include "carry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "passing.h"
#include "text.h"

#define SETUP_FD 3
#define SETUP_MAGIC 0x59524143u
#define SETUP_HEADER_BYTES 32u
#define SETUP_PAIR_BYTES 128u
#define SETUP_BYTES (SETUP_HEADER_BYTES + CARRY_MAXIMUM_PAIRS * SETUP_PAIR_BYTES)
#define NO_ID 0xffffffffu
#define WORD_BYTES 24u
#define TICK_MS 50
#define REST_MS 5000
#define EVENTS 64

/* What a carrier says. */
enum word { WORD_CALLED = 1, WORD_STATE = 2 };

enum step { STEP_SETUP = 1, STEP_LISTEN, STEP_NETWORK, STEP_MOUNTS, STEP_USERS, STEP_IDS, STEP_RIGHTS, STEP_WATCH };

struct setup {
  uint32_t flags;
  uint32_t uid;
  uint32_t gid;
  int users;
  int network;
  int mounts;
};

int carry_watch(struct carrier *carrier, int operation, int fd, uint32_t events, enum carry_source source, uint32_t index) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)source << 32 | index};
  return epoll_ctl(carrier->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

static int read_setup(struct carrier *carrier, struct setup *setup) {
  static uint8_t data[SETUP_BYTES];
  static struct descriptors descriptors;
  ssize_t count = passing_receive(SETUP_FD, data, sizeof data, &descriptors, 0);
  if (count < (ssize_t)SETUP_HEADER_BYTES || get_u32(data) != SETUP_MAGIC || get_u32(data + 4) != 1) return -EINVAL;
  carrier->pairs = get_u32(data + 8);
  carrier->flags = setup->flags = get_u32(data + 12);
  setup->uid = get_u32(data + 16);
  setup->gid = get_u32(data + 20);
  carrier->patience = get_u32(data + 24) * CARRY_NANOSECONDS_A_MS;
  if (carrier->pairs == 0 || carrier->pairs > CARRY_MAXIMUM_PAIRS) return -EINVAL;
  if ((size_t)count != SETUP_HEADER_BYTES + carrier->pairs * (size_t)SETUP_PAIR_BYTES) return -EINVAL;
  unsigned wanted = 1 + carrier->pairs;
  for (uint32_t flag = CARRY_PROCESS; flag <= CARRY_MOUNTS; flag <<= 1) wanted += (setup->flags & flag) != 0;
  if (descriptors.count != wanted) return -EINVAL;
  unsigned next = 0;
  carrier->control = descriptors.at[next++];
  for (uint32_t i = 0; i < carrier->pairs; i++) {
    const uint8_t *at = data + SETUP_HEADER_BYTES + i * (size_t)SETUP_PAIR_BYTES;
    struct carry_pair *pair = &carrier->pair[i];
    *pair = (struct carry_pair){.listener = descriptors.at[next++], .kind = get_u32(at), .size = get_u32(at + 4)};
    if (pair->size < sizeof(sa_family_t) || pair->size > CARRY_ADDRESS_BYTES) return -EINVAL;
    if (pair->kind != CARRY_STREAM && pair->kind != CARRY_DATAGRAM) return -EINVAL;
    memcpy(pair->address, at + 8, CARRY_ADDRESS_BYTES);
  }
  carrier->process = (setup->flags & CARRY_PROCESS) != 0 ? descriptors.at[next++] : -1;
  setup->users = (setup->flags & CARRY_USERS) != 0 ? descriptors.at[next++] : -1;
  setup->network = (setup->flags & CARRY_NETWORK) != 0 ? descriptors.at[next++] : -1;
  setup->mounts = (setup->flags & CARRY_MOUNTS) != 0 ? descriptors.at[next] : -1;
  return 0;
}

static int listen_at_all(struct carrier *carrier) {
  for (uint32_t i = 0; i < carrier->pairs; i++) {
    int fd = carrier->pair[i].listener;
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) return -errno;
    if (carrier->pair[i].kind == CARRY_STREAM && listen(fd, 1024) < 0) return -errno;
    if (carrier->pair[i].kind == CARRY_DATAGRAM) {
      /* Answers leave from where the question came to. One of the two fails, as it may. */
      int on = 1;
      syscall(SYS_setsockopt, fd, 0 /* SOL_IP */, 8 /* IP_PKTINFO */, &on, sizeof on);
      syscall(SYS_setsockopt, fd, 41 /* SOL_IPV6 */, 49 /* IPV6_RECVPKTINFO */, &on, sizeof on);
    }
  }
  return fcntl(carrier->control, F_SETFL, O_NONBLOCK) < 0 || listen(carrier->control, CARRY_CLIENTS) < 0 ? -errno : 0;
}

/* The users come last: entering the others takes rights over them. */
static int enter(const struct setup *setup, enum step *step) {
  *step = STEP_NETWORK;
  if (setup->network >= 0 && os_setns(setup->network, CLONE_NEWNET) < 0) return -errno;
  *step = STEP_MOUNTS;
  if (setup->mounts >= 0 && os_setns(setup->mounts, CLONE_NEWNS) < 0) return -errno;
  *step = STEP_USERS;
  if (setup->users >= 0 && os_setns(setup->users, CLONE_NEWUSER) < 0) return -errno;
  return 0;
}

/* No rights but to reach a socket whose directory is somebody else's, and that only as root. */
static int become(const struct setup *setup) {
  bool inside = setup->users >= 0;
  uint32_t uid = setup->uid == NO_ID ? 0 : setup->uid;
  uint32_t gid = setup->gid == NO_ID ? 0 : setup->gid;
  if (inside || setup->uid != NO_ID || setup->gid != NO_ID) {
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0) return -errno;
    if (syscall(SYS_setresuid, uid, uid, uid) < 0) return -errno;
  }
  uint32_t kept = uid == 0 ? 1u << CAP_DAC_OVERRIDE : 0;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept}};
  if (syscall(SYS_capset, &header, data) < 0) return -errno;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
  return 0;
}

static int watch_all(struct carrier *carrier) {
  carrier->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (carrier->epoll < 0) return -errno;
  int error = carry_watch(carrier, EPOLL_CTL_ADD, carrier->control, EPOLLIN, CARRY_ON_CONTROL, 0);
  if (error == 0 && carrier->process >= 0) error = carry_watch(carrier, EPOLL_CTL_ADD, carrier->process, EPOLLIN, CARRY_ON_PROCESS, 0);
  for (uint32_t i = 0; error == 0 && i < carrier->pairs; i++)
    error = carry_watch(carrier, EPOLL_CTL_ADD, carrier->pair[i].listener, EPOLLIN, CARRY_ON_LISTENER, i);
  return error;
}

static int begin(struct carrier *carrier, enum step *step) {
  struct setup setup;
  *step = STEP_SETUP;
  int error = read_setup(carrier, &setup);
  if (error < 0) return error;
  *step = STEP_LISTEN;
  if ((error = listen_at_all(carrier)) < 0) return error;
  if ((error = enter(&setup, step)) < 0) return error;
  *step = STEP_RIGHTS;
  if ((error = become(&setup)) < 0) return error;
  os_close(&setup.users);
  os_close(&setup.network);
  os_close(&setup.mounts);
  *step = STEP_WATCH;
  carrier->open = (setup.flags & CARRY_OPEN) != 0;
  return watch_all(carrier);
}

void carry_listen(struct carrier *carrier, bool wanted) {
  for (uint32_t i = 0; i < carrier->pairs; i++)
    carry_watch(carrier, EPOLL_CTL_MOD, carrier->pair[i].listener, wanted ? EPOLLIN : 0, CARRY_ON_LISTENER, i);
}

static void say(struct carrier *carrier, uint32_t client, enum word word) {
  uint8_t data[WORD_BYTES];
  put_u32(data, word);
  put_u32(data + 4, carrier->active + carry_sessions_in_use(carrier));
  put_u64(data + 8, carrier->total);
  put_u64(data + 16, carrier->open ? 1 : 0);
  int fd = carrier->clients[client];
  /* Who does not read his few words is no engine. */
  if (fd >= 0 && send(fd, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof data) os_close(&carrier->clients[client]);
}

static void call(struct carrier *carrier) {
  carry_listen(carrier, false);
  carrier->called = true;
  for (uint32_t i = 0; i < CARRY_CLIENTS; i++) say(carrier, i, WORD_CALLED);
}

static void take_client(struct carrier *carrier) {
  int fd = accept4(carrier->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  for (uint32_t i = 0; i < CARRY_CLIENTS; i++) {
    if (carrier->clients[i] >= 0) continue;
    carrier->clients[i] = fd;
    if (carry_watch(carrier, EPOLL_CTL_ADD, fd, EPOLLIN, CARRY_ON_CLIENT, i) < 0) os_close(&carrier->clients[i]);
    else if (carrier->called) say(carrier, i, WORD_CALLED);
    return;
  }
  close(fd);
}

/* false: it is over. */
static bool obey(struct carrier *carrier, uint32_t client) {
  char order = 0;
  ssize_t count = recv(carrier->clients[client], &order, 1, MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return true;
  if (count <= 0) {
    os_close(&carrier->clients[client]);
    return true;
  }
  if (order == 'q') return false;
  if (order == 'r') carry_refuse(carrier);
  if (order == 'w') {
    carry_close_all(carrier);
    carry_close_sessions(carrier);
  }
  if (order == 'o' || order == 'h' || order == 'w' || order == 'r') {
    carrier->open = order == 'o';
    carrier->called = carrier->full = false;
    carry_listen(carrier, true);
  }
  say(carrier, client, WORD_STATE);
  return true;
}

/* false: it is over. */
static bool handle(struct carrier *carrier, const struct epoll_event *event) {
  uint32_t index = (uint32_t)event->data.u64;
  switch ((enum carry_source)(event->data.u64 >> 32)) {
    case CARRY_ON_PROCESS: return false;
    case CARRY_ON_CONTROL: take_client(carrier); return true;
    case CARRY_ON_CLIENT: return obey(carrier, index);
    case CARRY_ON_FRONT: carry_stream_event(carrier, index, false); return true;
    case CARRY_ON_BACK: carry_stream_event(carrier, index, true); return true;
    case CARRY_ON_SESSION: carry_session_event(carrier, index); return true;
    case CARRY_ON_LISTENER:
      if (!carrier->open) call(carrier);
      else if (carrier->pair[index].kind == CARRY_STREAM) carry_accept(carrier, index);
      else carry_datagrams(carrier, index);
      return true;
  }
  return true;
}

static int rest_ms(const struct carrier *carrier, bool more) {
  if (more) return 0;
  if (carrier->waiting > 0 || carrier->full) return TICK_MS;
  return carry_sessions_in_use(carrier) > 0 ? REST_MS : -1;
}

static void carry_on(struct carrier *carrier) {
  bool more = false;
  for (;;) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(carrier->epoll, events, EVENTS, rest_ms(carrier, more));
    for (int i = 0; i < count; i++) {
      if (!handle(carrier, &events[i])) return;
    }
    more = carry_streams_go_on(carrier);
    carry_expire(carrier, os_clock(CLOCK_MONOTONIC));
    if (carrier->full && carrier->open && count == 0) {
      carrier->full = false;
      carry_listen(carrier, true);
    }
  }
}

int carry_main(struct carrier *carrier) {
  enum step step = STEP_SETUP;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, NULL);
  }
  carrier->spare[0] = carrier->spare[1] = -1;
  for (uint32_t i = 0; i < CARRY_CLIENTS; i++) carrier->clients[i] = -1;
  int error = begin(carrier, &step);
  uint8_t answer[8];
  put_u32(answer, (uint32_t)-error);
  put_u32(answer + 4, step);
  os_write_all(SETUP_FD, answer, sizeof answer);
  close(SETUP_FD);
  if (error < 0) return 1;
  carry_on(carrier);
  return 0;
}
