// The queue of new files (file_queue.c), a part of the inodes' family.
#pragma once

#include "sys.h"

struct timespec to_timespec(int64_t ns);
int64_t nanoseconds_at(struct call *call, size_t index);

napi_value file_queue_open(napi_env env, napi_callback_info info);
napi_value file_queue_begin(napi_env env, napi_callback_info info);
napi_value file_queue_data(napi_env env, napi_callback_info info);
napi_value file_queue_end(napi_env env, napi_callback_info info);
napi_value file_queue_drain(napi_env env, napi_callback_info info);
napi_value file_queue_close(napi_env env, napi_callback_info info);
