// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/protocols.h"

#include <array>

#include "faults/nearest.h"
#include "server/notifier/emm/emm.h"
#include "server/notifier/rcu/rcu.h"
#include "server/notifier/srcu/srcu.h"
#include "server/notifier/subscriptions/subscriptions.h"
#include "server/notifier/v11/v11.h"
#include "server/notifier/v12/v12.h"
#include "server/notifier/v13/v13.h"

namespace mmfault::notifier {
namespace {

constexpr auto kProtocols = std::to_array<const Protocol*>({&kEmmV1,
                                                            &kEmmV1Barriers,
                                                            &kEmmV2,
                                                            &kEmmV2Fixed,
                                                            &kEmmSingle,
                                                            &kEmmStopStart,
                                                            &kEmmV3,
                                                            &kV11,
                                                            &kV12,
                                                            &kSeedFlags,
                                                            &kSeedFlagsNaive,
                                                            &kSeedBitmaps,
                                                            &kSeedThreshold,
                                                            &kV13,
                                                            &kV14,
                                                            &kV15,
                                                            &kV16,
                                                            &kV2_6_27Rc1,
                                                            &kV2_6_27,
                                                            &kV3_6,
                                                            &kV3_7,
                                                            &kV3_9,
                                                            &kV3_10,
                                                            &kV6_1,
                                                            &kV6_12,
                                                            &kV7_3});

}  // namespace

std::span<const Protocol* const> AllProtocols() { return kProtocols; }

const Protocol* FindProtocol(std::string_view id) {
  for (const Protocol* protocol : kProtocols) {
    if (protocol->id == id) {
      return protocol;
    }
  }
  return nullptr;
}

std::string_view NearestProtocolId(std::string_view id) {
  std::array<std::string_view, kProtocols.size()> ids;
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = kProtocols[i]->id;
  }
  return faults::NearestName(ids, id);
}

}  // namespace mmfault::notifier
