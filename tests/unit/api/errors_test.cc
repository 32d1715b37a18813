// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: bad input is refused with the code, the reason and the field that the
// protos promise, and changes nothing. Method: one wrong request after the
// other over the in-process channel.

#include <random>

#include "tests/unit/api/api_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using WorldStub = v1::WorldService::Stub;
using MmStub = v1::MmService::Stub;
using TaskStub = v1::TaskService::Stub;

class ErrorsTest : public ApiTest {
 protected:
  ErrorsTest() {
    EXPECT_TRUE(CreateWorld("w", Settings()).ok());
    EXPECT_TRUE(CreateMm("w", "m0").ok());
  }

  std::string WhyStep(const v1::Step& step, const std::string& task = "") {
    v1::RunStepResponse response;
    return Why(RunStep("w", step, &response, task));
  }
  std::string WhyWorld(const v1::WorldSettings& settings) {
    return Why(CreateWorld("", settings));
  }
};

TEST_F(ErrorsTest, WorldsAreCheckedBeforeTheyAreMade) {
  v1::WorldSettings settings;
  EXPECT_EQ(WhyWorld(settings), "INVALID_ARGUMENT (FIELD_MISSING)");
  settings.set_protocol("6.2");
  EXPECT_EQ(WhyWorld(settings), "NOT_FOUND (PROTOCOL_NOT_FOUND)");
  settings = Settings();
  settings.set_drive_mode(static_cast<v1::DriveMode>(77));
  EXPECT_EQ(WhyWorld(settings), "INVALID_ARGUMENT (UNSUPPORTED_SETTING)");
  settings = Settings();
  settings.set_cpu_count(-1);
  EXPECT_EQ(WhyWorld(settings), "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  settings = Settings();
  settings.mutable_ack_deadline()->set_seconds(-1);
  EXPECT_EQ(WhyWorld(settings), "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  settings = Settings();
  settings.mutable_limits()->set_max_arena_bytes(5);
  EXPECT_EQ(WhyWorld(settings), "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  EXPECT_EQ(Why(CreateWorld("w", Settings())), "ALREADY_EXISTS (WORLD_EXISTS)");
  EXPECT_EQ(Why(CreateWorld("Bad Name", Settings())),
            "INVALID_ARGUMENT (NAME_MALFORMED)");
}

TEST_F(ErrorsTest, UnknownNamesAreNotFound) {
  v1::GetWorldRequest world;
  v1::GetWorldResponse world_response;
  const auto get_world = [&](const std::string& name) {
    world.set_name(name);
    return Why(Call(*worlds_, &WorldStub::GetWorld, world, &world_response));
  };
  EXPECT_EQ(get_world("worlds/none"), "NOT_FOUND (WORLD_NOT_FOUND)");
  EXPECT_EQ(get_world(""), "INVALID_ARGUMENT (FIELD_MISSING)");
  for (const char* name : {"worlds", "worlds/", "worlds/w/", "world/w",
                           "worlds/W", "worlds/w/mms/m0", "//"}) {
    EXPECT_EQ(get_world(name), "INVALID_ARGUMENT (NAME_MALFORMED)") << name;
  }
  v1::GetMmRequest mm;
  mm.set_name("worlds/w/mms/none");
  v1::GetMmResponse mm_response;
  EXPECT_EQ(Why(Call(*mms_, &MmStub::GetMm, mm, &mm_response)),
            "NOT_FOUND (MM_NOT_FOUND)");
  v1::GetTaskRequest task;
  task.set_name("worlds/w/tasks/none");
  v1::GetTaskResponse task_response;
  EXPECT_EQ(Why(Call(*tasks_, &TaskStub::GetTask, task, &task_response)),
            "NOT_FOUND (TASK_NOT_FOUND)");
  v1::GetNotifierRequest notifier;
  notifier.set_name("worlds/w/mms/-/notifiers/none");
  v1::GetNotifierResponse notifier_response;
  EXPECT_EQ(Why(Call(*notifiers_, &v1::NotifierService::Stub::GetNotifier,
                     notifier, &notifier_response)),
            "NOT_FOUND (NOTIFIER_NOT_FOUND)");
}

TEST_F(ErrorsTest, StepsAreCheckedBeforeTheyAreGiven) {
  EXPECT_EQ(WhyStep(v1::Step()), "INVALID_ARGUMENT (STEP_MALFORMED)");
  EXPECT_EQ(WhyStep(Munmap(0x1001, 0x2000)),
            "INVALID_ARGUMENT (RANGE_MALFORMED)");
  EXPECT_EQ(WhyStep(Munmap(0x2000, 0x1000)),
            "INVALID_ARGUMENT (RANGE_MALFORMED)");
  EXPECT_EQ(WhyStep(Munmap(0x1000, 0x1000)),
            "INVALID_ARGUMENT (RANGE_MALFORMED)");
  EXPECT_EQ(WhyStep(Munmap(0x1000, uint64_t{1} << 60)),
            "INVALID_ARGUMENT (RANGE_MALFORMED)");
  EXPECT_EQ(WhyStep(Unregister("nobody")), "NOT_FOUND (NOTIFIER_NOT_FOUND)");
  v1::Step step;
  step.mutable_signal()->set_number(65);
  EXPECT_EQ(WhyStep(step), "INVALID_ARGUMENT (SIGNAL_OUT_OF_RANGE)");
  step.mutable_signal()->set_number(9);
  step.mutable_signal()->set_task("nobody");
  EXPECT_EQ(WhyStep(step), "NOT_FOUND (TASK_NOT_FOUND)");
  step.mutable_truncate()->set_file("nofile");
  EXPECT_EQ(WhyStep(step), "NOT_FOUND (FILE_NOT_FOUND)");
  step = Munmap(0x1000, 0x2000);
  step.mutable_munmap()->set_mm("nomm");
  EXPECT_EQ(WhyStep(step), "NOT_FOUND (MM_NOT_FOUND)");
  step = Munmap(0x1000, 0x2000);
  step.set_repeat(-1);
  EXPECT_EQ(WhyStep(step), "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  EXPECT_EQ(WhyStep(Munmap(0x1000, 0x2000), "Bad"),
            "INVALID_ARGUMENT (NAME_MALFORMED)");
}

TEST_F(ErrorsTest, TasksThatAreRefusedDoNotExist) {
  v1::CreateTaskRequest request;
  request.set_parent("worlds/w");
  request.mutable_task()->set_id("t");
  request.mutable_task()->set_mm("m0");
  *request.mutable_task()->add_step() = Munmap(0x1000, 0x2000);
  *request.mutable_task()->add_step() = Munmap(0x1001, 0x2000);
  v1::CreateTaskResponse response;
  const grpc::Status status =
      Call(*tasks_, &TaskStub::CreateTask, request, &response);
  EXPECT_EQ(Why(status), "INVALID_ARGUMENT (RANGE_MALFORMED)");
  EXPECT_EQ(client::DetailsOf(status).field, "task.step[1].munmap.range");
  v1::ListTasksRequest list;
  list.set_parent("worlds/w");
  list.set_show_exited(true);
  v1::ListTasksResponse listed;
  ASSERT_TRUE(Call(*tasks_, &TaskStub::ListTasks, list, &listed).ok());
  EXPECT_THAT(listed.tasks(), IsEmpty());
  v1::GetMmRequest mm;
  mm.set_name("worlds/w/mms/m0");
  v1::GetMmResponse mm_response;
  ASSERT_TRUE(Call(*mms_, &MmStub::GetMm, mm, &mm_response).ok());
  EXPECT_EQ(mm_response.mm().mm_users(), 1);
  request.mutable_task()->mutable_step()->RemoveLast();
  EXPECT_TRUE(Call(*tasks_, &TaskStub::CreateTask, request, &response).ok());
}

TEST_F(ErrorsTest, WrongOrderIsAPrecondition) {
  v1::AdvanceWorldRequest advance;
  advance.set_name("worlds/w");
  v1::AdvanceWorldResponse advanced;
  EXPECT_EQ(Why(Call(*worlds_, &WorldStub::AdvanceWorld, advance, &advanced)),
            "FAILED_PRECONDITION (WRONG_DRIVE_MODE)");
  v1::Step exit;
  exit.mutable_exit();
  v1::RunStepResponse response;
  EXPECT_TRUE(RunStep("w", exit, &response, "t").ok());
  EXPECT_EQ(WhyStep(exit, "t"), "FAILED_PRECONDITION (TASK_EXITED)");
  v1::DeleteMmRequest remove;
  remove.set_name("worlds/w/mms/m0");
  v1::DeleteMmResponse removed;
  EXPECT_EQ(Why(Call(*mms_, &MmStub::DeleteMm, remove, &removed)),
            "FAILED_PRECONDITION (MM_IN_USE)");
  v1::ForceTeardownRequest teardown;
  teardown.set_name("worlds/w/mms/m0");
  teardown.set_kind(v1::TEARDOWN_KIND_FORCE);
  v1::ForceTeardownResponse torn;
  ASSERT_TRUE(Call(*mms_, &MmStub::ForceTeardown, teardown, &torn).ok());
  EXPECT_THAT(torn.tasks(), SizeIs(1));
  EXPECT_THAT(torn.revoked_pins(), SizeIs(1));
  EXPECT_EQ(Why(Call(*mms_, &MmStub::ForceTeardown, teardown, &torn)),
            "FAILED_PRECONDITION (MM_ALREADY_FREED)");
  v1::SignalTaskRequest signal;
  signal.set_name("worlds/w/tasks/t");
  signal.set_number(9);
  v1::SignalTaskResponse signalled;
  EXPECT_EQ(Why(Call(*tasks_, &TaskStub::SignalTask, signal, &signalled)),
            "FAILED_PRECONDITION (TASK_EXITED)");
  EXPECT_TRUE(Call(*mms_, &MmStub::DeleteMm, remove, &removed).ok());
}

TEST_F(ErrorsTest, LimitsAreNamed) {
  host::Limits limits;
  limits.max_worlds = 1;
  limits.max_mms_per_world = 1;
  limits.max_vmas_per_mm = 4;
  limits.max_tasks_per_world = 2;
  limits.max_queued_steps_per_task = 3;
  Start(limits);
  ASSERT_TRUE(CreateWorld("w", Settings()).ok());
  EXPECT_EQ(Why(CreateWorld("x", Settings())),
            "RESOURCE_EXHAUSTED (QUOTA_EXCEEDED)");
  ASSERT_TRUE(CreateMm("w", "m0").ok());
  EXPECT_EQ(Why(CreateMm("w", "m1")), "RESOURCE_EXHAUSTED (QUOTA_EXCEEDED)");
  v1::CreateTaskRequest request;
  request.set_parent("worlds/w");
  request.mutable_task()->set_stays(true);
  v1::CreateTaskResponse response;
  ASSERT_TRUE(Call(*tasks_, &TaskStub::CreateTask, request, &response).ok());
  ASSERT_TRUE(Call(*tasks_, &TaskStub::CreateTask, request, &response).ok());
  const grpc::Status status =
      Call(*tasks_, &TaskStub::CreateTask, request, &response);
  EXPECT_EQ(Why(status), "RESOURCE_EXHAUSTED (QUOTA_EXCEEDED)");
  EXPECT_EQ(client::MetadataValue(status, "limit"), "max_tasks");
  EXPECT_EQ(client::MetadataValue(status, "max"), "2");
  v1::AppendStepsRequest append;
  append.set_name(response.task().name());
  for (int i = 0; i < 4; ++i) {
    append.add_steps()->mutable_yield_cpu();
  }
  v1::AppendStepsResponse appended;
  EXPECT_EQ(Why(Call(*tasks_, &TaskStub::AppendSteps, append, &appended)),
            "RESOURCE_EXHAUSTED (QUOTA_EXCEEDED)");
}

TEST_F(ErrorsTest, RequestsAreSafeToRepeat) {
  v1::RunStepResponse first;
  v1::RunStepResponse again;
  const v1::Step step = Munmap(0x100000, 0x101000);
  ASSERT_TRUE(RunStep("w", step, &first, "t", "id-1").ok());
  ASSERT_TRUE(RunStep("w", step, &again, "t", "id-1").ok());
  EXPECT_EQ(first.SerializeAsString(), again.SerializeAsString());
  EXPECT_EQ(Why(RunStep("w", Munmap(0x1000, 0x2000), &again, "t", "id-1")),
            "FAILED_PRECONDITION (REQUEST_ID_REUSED)");
  EXPECT_EQ(Why(RunStep("w", step, &again, "t", std::string(65, 'x'))),
            "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  v1::DeleteWorldRequest remove;
  remove.set_name("worlds/w");
  remove.set_request_id("id-2");
  v1::DeleteWorldResponse removed;
  EXPECT_TRUE(Call(*worlds_, &WorldStub::DeleteWorld, remove, &removed).ok());
  EXPECT_TRUE(Call(*worlds_, &WorldStub::DeleteWorld, remove, &removed).ok());
}

TEST_F(ErrorsTest, ListsComeInPages) {
  for (int i = 1; i < 5; ++i) {
    ASSERT_TRUE(CreateMm("w", "m" + std::to_string(i)).ok());
  }
  v1::ListMmsRequest request;
  request.set_parent("worlds/w");
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    v1::ListMmsResponse response;
    ASSERT_TRUE(Call(*mms_, &MmStub::ListMms, request, &response).ok());
    for (const v1::Mm& mm : response.mms()) {
      names.push_back(mm.name());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(names.size(), 5u);
  request.set_page_token("nonsense");
  v1::ListMmsResponse response;
  EXPECT_EQ(Why(Call(*mms_, &MmStub::ListMms, request, &response)),
            "INVALID_ARGUMENT (PAGE_TOKEN_INVALID)");
  v1::ListVmasRequest vmas;
  vmas.set_parent("worlds/w/mms/m0");
  v1::ListVmasResponse listed;
  ASSERT_TRUE(Call(*mms_, &MmStub::ListVmas, vmas, &listed).ok());
  ASSERT_THAT(listed.vmas(), SizeIs(1));
  EXPECT_EQ(listed.vmas(0).present_page_count(), 16);
}

TEST_F(ErrorsTest, StreamsBeginWithOneHello) {
  {
    AttachedClient client(*notifiers_, Hello("none"));
    client.Read();
    EXPECT_EQ(Why(client.Finish()), "NOT_FOUND (WORLD_NOT_FOUND)");
  }
  AttachedClient client(*notifiers_, Hello("w"));
  client.Read();
  client.Bind("Bad", 1);
  EXPECT_EQ(client.Read().error().reason(), "NAME_MALFORMED");
  v1::AttachRequest ack;
  ack.mutable_ack()->set_callback_number(99);
  client.Write(ack);
  EXPECT_EQ(client.Read().error().reason(), "CALLBACK_NOT_OUTSTANDING");
  client.Call(7, Unregister("nobody"));
  const v1::AttachResponse refused = client.Read();
  EXPECT_EQ(refused.error().tag(), 7);
  EXPECT_EQ(refused.error().reason(), "NOTIFIER_NOT_FOUND");
  v1::AttachRequest again;
  *again.mutable_hello() = Hello("w");
  client.Write(again);
  client.Read();
  EXPECT_EQ(Why(client.Finish()), "INVALID_ARGUMENT (STREAM_PROTOCOL)");
}

TEST_F(ErrorsTest, SignalSaysWhereItLands) {
  v1::CreateMmRequest create;
  create.set_parent("worlds/w");
  create.set_mm_id("m1");
  create.mutable_mm()->add_vma_pattern()->set_count(5);
  v1::CreateMmResponse created;
  ASSERT_TRUE(Call(*mms_, &MmStub::CreateMm, create, &created).ok());
  v1::CreateTaskRequest request;
  request.set_parent("worlds/w");
  request.mutable_task()->set_id("t");
  request.mutable_task()->set_stays(true);
  v1::CreateTaskResponse response;
  ASSERT_TRUE(Call(*tasks_, &TaskStub::CreateTask, request, &response).ok());
  v1::SignalTaskRequest signal;
  signal.set_name("worlds/w/tasks/t");
  signal.set_number(15);
  signal.set_at_lock(3);
  v1::SignalTaskResponse armed;
  ASSERT_TRUE(Call(*tasks_, &TaskStub::SignalTask, signal, &armed).ok());
  EXPECT_EQ(armed.step(), -1);
  EXPECT_EQ(armed.delivery().state(), v1::SignalDelivery::STATE_ARMED);
  v1::RunStepResponse registered;
  ASSERT_TRUE(RunStep("w", Register("n0", "m1"), &registered, "t").ok());
  EXPECT_EQ(registered.result().rc(), -4);
  v1::GetTaskRequest get;
  get.set_name("worlds/w/tasks/t");
  v1::GetTaskResponse task;
  ASSERT_TRUE(Call(*tasks_, &TaskStub::GetTask, get, &task).ok());
  ASSERT_THAT(task.task().deliveries(), SizeIs(1));
  const v1::SignalDelivery& landed = task.task().deliveries(0);
  EXPECT_EQ(landed.state(), v1::SignalDelivery::STATE_LANDED);
  EXPECT_GT(landed.step(), 0);
  EXPECT_TRUE(landed.interrupts());
  EXPECT_FALSE(landed.lock().empty());
}

TEST_F(ErrorsTest, EventsCanBeReadAgain) {
  v1::RunStepResponse response;
  ASSERT_TRUE(RunStep("w", Munmap(0x100000, 0x102000), &response).ok());
  const auto read = [&](int64_t from, int batch) {
    v1::WatchEventsRequest request;
    request.set_name("worlds/w");
    request.set_from_step(from);
    request.set_batch_size(batch);
    request.set_no_follow(true);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto reader = worlds_->WatchEvents(&context, request);
    std::vector<v1::Event> events;
    v1::WatchEventsResponse batch_of;
    while (reader->Read(&batch_of)) {
      events.insert(events.end(), batch_of.events().begin(),
                    batch_of.events().end());
    }
    EXPECT_TRUE(reader->Finish().ok());
    return events;
  };
  const auto all = read(0, 0);
  EXPECT_GT(all.size(), 10u);
  EXPECT_EQ(read(0, 3).size(), all.size());
  EXPECT_LT(read(all[5].step(), 0).size(), all.size());
}

// Random requests: whatever comes back, the server goes on.
TEST_F(ErrorsTest, NonsenseIsSurvived) {
  std::mt19937_64 random(7);
  const auto pick = [&](std::initializer_list<const char*> texts) {
    return std::string(
        *(texts.begin() + static_cast<ptrdiff_t>(random() % texts.size())));
  };
  const auto number = [&]() -> int64_t {
    const int64_t choices[] = {0,         1,        -1,        7,
                               0x100000,  0x110000, INT32_MAX, INT64_MAX,
                               INT64_MIN, 4096,     65,        3};
    return choices[random() % std::size(choices)];
  };
  for (int i = 0; i < 2000; ++i) {
    v1::RunStepRequest request;
    request.set_parent(pick({"worlds/w", "worlds/w", "worlds/w", "worlds/x"}));
    request.set_task(pick({"", "a", "b", "B", "rpc-m0"}));
    request.set_mm(pick({"", "m0", "m1"}));
    request.set_step_budget(random() % 4 == 0 ? number() : 20'000);
    v1::Step& step = *request.mutable_step();
    const google::protobuf::Descriptor* type = v1::Step::descriptor();
    const auto* oneof = type->FindOneofByName("op");
    const auto* op =
        oneof->field(static_cast<int>(random() % oneof->field_count()));
    auto* message = step.GetReflection()->MutableMessage(&step, op);
    const auto fill = [&](google::protobuf::Message* m, const auto& self,
                          int depth) -> void {
      for (int f = 0; f < m->GetDescriptor()->field_count(); ++f) {
        const auto* field = m->GetDescriptor()->field(f);
        const auto* reflection = m->GetReflection();
        using Field = google::protobuf::FieldDescriptor;
        if (field->is_repeated() || random() % 4 == 0) {
          continue;
        }
        switch (field->cpp_type()) {
          case Field::CPPTYPE_STRING:
            reflection->SetString(
                m, field, pick({"", "m0", "n0", "n1", "a", "f0", "ev", "?"}));
            break;
          case Field::CPPTYPE_INT64:
            reflection->SetInt64(m, field, number());
            break;
          case Field::CPPTYPE_INT32:
            reflection->SetInt32(m, field, static_cast<int32_t>(number()));
            break;
          case Field::CPPTYPE_UINT64:
            reflection->SetUInt64(m, field, static_cast<uint64_t>(number()));
            break;
          case Field::CPPTYPE_BOOL:
            reflection->SetBool(m, field, random() % 2 == 0);
            break;
          case Field::CPPTYPE_ENUM:
            reflection->SetEnumValue(m, field, static_cast<int>(random() % 4));
            break;
          case Field::CPPTYPE_MESSAGE:
            if (depth < 3) {
              self(reflection->MutableMessage(m, field), self, depth + 1);
            }
            break;
          default:
            break;
        }
      }
    };
    fill(message, fill, 0);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(20));
    v1::RunStepResponse response;
    const grpc::Status status = mms_->RunStep(&context, request, &response);
    ASSERT_NE(status.error_code(), grpc::StatusCode::INTERNAL)
        << status.error_message() << request.ShortDebugString();
    ASSERT_NE(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  }
}

}  // namespace
}  // namespace mmfault::api
