// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/remote_notifier.h"

namespace mmfault::client {
namespace {

thread_local Callback* current_callback = nullptr;

}  // namespace

void Callback::Dropped(uint64_t start, uint64_t end) {
  v1::AddressRange* range = ack_.add_dropped();
  range->set_start(start);
  range->set_end(end);
}

v1::AttachRequest::Ack* Callback::TakeAck(int rc) {
  ack_.set_callback_number(message_.callback_number());
  ack_.set_rc(rc);
  return &ack_;
}

void MightSleep() {
  if (current_callback != nullptr) current_callback->MightSleep();
}

int RemoteNotifier::Dispatch(Callback& call) {
  // A callback may wait for a call of its own and get another callback inside
  // that wait, on this very thread.
  Callback* const outer = std::exchange(current_callback, &call);
  int rc = 0;
  switch (call.event()) {
    case v1::CALLBACK_EVENT_RELEASE:
      rc = Release(call);
      break;
    case v1::CALLBACK_EVENT_INVALIDATE_RANGE_START:
      rc = InvalidateRangeStart(call);
      break;
    case v1::CALLBACK_EVENT_INVALIDATE_RANGE_END:
      rc = InvalidateRangeEnd(call);
      break;
    case v1::CALLBACK_EVENT_INVALIDATE_PAGE:
      rc = InvalidatePage(call);
      break;
    case v1::CALLBACK_EVENT_INVALIDATE_RANGE:
      rc = InvalidateRange(call);
      break;
    case v1::CALLBACK_EVENT_CLEAR_FLUSH_YOUNG:
      rc = ClearFlushYoung(call);
      break;
    case v1::CALLBACK_EVENT_CLEAR_YOUNG:
      rc = ClearYoung(call);
      break;
    case v1::CALLBACK_EVENT_TEST_YOUNG:
      rc = TestYoung(call);
      break;
    case v1::CALLBACK_EVENT_CHANGE_PTE:
      rc = ChangePte(call);
      break;
    case v1::CALLBACK_EVENT_INTERVAL_INVALIDATE:
      rc = IntervalInvalidate(call);
      break;
    case v1::CALLBACK_EVENT_FREE_NOTIFIER:
      rc = FreeNotifier(call);
      break;
    case v1::CALLBACK_EVENT_ESTABLISH:
      rc = Establish(call);
      break;
    default:
      break;
  }
  current_callback = outer;
  return rc;
}

}  // namespace mmfault::client
