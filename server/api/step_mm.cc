// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/step_mm.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace mmfault::api {
namespace {

using google::protobuf::FieldDescriptor;

// The set operation's field; null when none is set.
const FieldDescriptor* OpField(const v1::Step& step) {
  static const auto* const oneof =
      v1::Step::descriptor()->FindOneofByName("op");
  return v1::Step::GetReflection()->GetOneofFieldDescriptor(step, oneof);
}

const FieldDescriptor* MmField(const FieldDescriptor* op) {
  const FieldDescriptor* field = op->message_type()->FindFieldByName("mm");
  return field != nullptr &&
                 field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
                 !field->is_repeated()
             ? field
             : nullptr;
}

}  // namespace

bool StepMm(const v1::Step& step, std::string* mm) {
  const FieldDescriptor* op = OpField(step);
  const FieldDescriptor* field = op == nullptr ? nullptr : MmField(op);
  if (field == nullptr) {
    return false;
  }
  const auto& message = v1::Step::GetReflection()->GetMessage(step, op);
  *mm = message.GetReflection()->GetString(message, field);
  return true;
}

}  // namespace mmfault::api
