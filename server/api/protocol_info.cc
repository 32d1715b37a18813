// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/protocol_info.h"

#include <string_view>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/kernel/mutant.h"
#include "server/notifier/protocols.h"
#include "server/report/answers.h"

namespace mmfault::api {
namespace {

constexpr std::string_view kPrefix = "protocols/";

v1::Protocol::Unregister UnregisterOf(const notifier::Protocol& protocol) {
  if (protocol.mmu_notifier_unregister == nullptr) {
    return v1::Protocol::UNREGISTER_ABSENT;
  }
  return protocol.unregister_errors.empty() ? v1::Protocol::UNREGISTER_VOID
                                            : v1::Protocol::UNREGISTER_CAN_FAIL;
}

// "at most 2 visits for each VMA".
std::string SignalBound(int factor) {
  return "between two looks at pending signals, a registration visits at "
         "most " +
         std::to_string(factor) + (factor == 1 ? " VMA" : " VMAs") +
         " for each VMA of the mm";
}

void AddPromises(const notifier::Protocol& protocol, v1::Protocol* out) {
  if (!protocol.locking.empty()) {
    out->add_promises(std::string(protocol.locking));
  }
  if (protocol.takes_all_locks) {
    out->add_promises(
        "no page-table walk under an rmap lock overlaps a registration");
  }
  if (protocol.release_exactly_once) {
    out->add_promises("release() is called exactly once for each registration");
  }
  if (protocol.signal_bound_factor > 0) {
    out->add_promises(SignalBound(protocol.signal_bound_factor));
  }
  if (!protocol.tests_signals) {
    out->add_promises("a registration never returns -EINTR");
  }
  if (!protocol.allocates) {
    out->add_promises("a registration never returns -ENOMEM");
  }
  out->add_promises("a registration costs " + report::CostOf(protocol));
}

void AddKinds(const notifier::Protocol& protocol, v1::Protocol* out) {
  using notifier::Kind;
  if (notifier::Has(protocol, Kind::kList)) {
    out->add_kinds(v1::Notifier::KIND_LIST);
  }
  if (notifier::Has(protocol, Kind::kGetPut)) {
    out->add_kinds(v1::Notifier::KIND_GET_PUT);
  }
  if (notifier::Has(protocol, Kind::kInterval)) {
    out->add_kinds(v1::Notifier::KIND_INTERVAL);
  }
}

void AddMutant(const kernel::MutantInfo& mutant, v1::Protocol* protocol) {
  v1::Mutant* out = protocol->add_mutants();
  out->set_id(std::string(mutant.name));
  out->set_description(std::string(mutant.what));
  for (const auto part : absl::StrSplit(
           absl::string_view(mutant.catalogue.data(), mutant.catalogue.size()),
           ',')) {
    out->add_catalogue(std::string(part));
  }
}

}  // namespace

v1::Protocol ToProto(const notifier::Protocol& protocol) {
  v1::Protocol out;
  out.set_name(std::string(kPrefix) + std::string(protocol.id));
  out.set_title(std::string(protocol.title));
  out.set_family(std::string(protocol.family));
  out.set_cite(std::string(protocol.source));
  AddKinds(protocol, &out);
  for (const int error : protocol.register_errors) {
    out.add_register_errors(error);
  }
  for (const int error : protocol.unregister_errors) {
    out.add_unregister_errors(error);
  }
  out.set_unregister(UnregisterOf(protocol));
  out.set_unregister_needs_users(protocol.unregister_needs_users);
  out.set_unregister_releases(protocol.unregister_releases);
  out.set_checks_signals(protocol.tests_signals);
  AddPromises(protocol, &out);
  for (const std::string_view hole : report::KnownHolesOf(protocol)) {
    out.add_known_holes(std::string(hole));
  }
  for (const kernel::MutantInfo& mutant : kernel::Mutants()) {
    if (kernel::AppliesTo(mutant, protocol.id, protocol.family)) {
      AddMutant(mutant, &out);
    }
  }
  return out;
}

absl::StatusOr<const notifier::Protocol*> ProtocolNamed(
    const std::string& name) {
  if (!name.starts_with(kPrefix) || name.size() == kPrefix.size()) {
    return base::InvalidFieldError(
        "name", "NAME_MALFORMED",
        "a protocol's name is protocols/{protocol}, got \"" + name + "\"",
        {{"value", name}, {"format", "protocols/{protocol}"}});
  }
  const std::string id = name.substr(kPrefix.size());
  const notifier::Protocol* protocol = notifier::FindProtocol(id);
  if (protocol != nullptr) {
    return protocol;
  }
  // Ids are short; a long text is near to none of them.
  const std::string_view nearest =
      id.size() <= 64 ? notifier::NearestProtocolId(id) : "";
  std::string message = "no protocol \"" + id + "\"";
  if (!nearest.empty()) {
    message += "; did you mean \"" + std::string(nearest) + "\"?";
  }
  return base::MissingResourceError(name, "PROTOCOL_NOT_FOUND", message,
                                    {{"name", name}});
}

}  // namespace mmfault::api
