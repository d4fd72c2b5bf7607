// A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.
//
// It registers what its instances demand of a maintenance, hears every notice, does what is asked and answers. What it
// heard and answered is printed, a line each; README.md of clients/ says how.
#include <algorithm>
#include <cstdlib>
#include <future>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "fenix/client.h"

namespace pb = fenix::v1;
using Flags = std::map<std::string, std::string>;

void Say(const std::string& line) { std::cout << line << std::endl; }
void Complain(const grpc::Status& failed) { std::cerr << "! " << failed.error_message() << std::endl; }

// The name of an enum value without the prefix of its type; the number of one that a newer server knows.
std::string KindOf(const pb::ProjectNotice& notice) {
  const std::string name = pb::NoticeKind_Name(notice.kind());
  return name.empty() ? std::to_string(notice.kind()) : name.substr(std::string("NOTICE_KIND_").size());
}
std::string Word(pb::InstanceAction action) {
  return pb::InstanceAction_Name(action).substr(std::string("INSTANCE_ACTION_").size());
}

class Vnfm {
 public:
  Vnfm(const fenix::Client& fenix, Flags flags)
      : fenix_(fenix), flags_(std::move(flags)), project_(flags_["project"]) {}

  // Listens and answers until the maintenance is complete, through breaks of the connection.
  grpc::Status Run() {
    fenix::Backoff backoff;
    while (true) {
      const grpc::Status status = Watch(backoff);
      if (status.ok()) return status;
      Complain(status);
      if (!token_.empty() && fenix::IsUnknownToken(status)) {
        token_.clear();  // begin with the notices that are open
      } else if (!backoff.Wait(status)) {
        return status;
      }
    }
  }

 private:
  // OK once the maintenance is complete.
  grpc::Status Watch(fenix::Backoff& backoff) {
    grpc::ClientContext context;
    fenix_.Authenticate(context);
    pb::WatchProjectRequest request;
    request.set_project_id(project_);
    request.set_after(token_);
    auto responses = fenix_.projects->WatchProject(&context, request);
    for (pb::WatchProjectResponse response; responses->Read(&response);) {
      backoff.Reset();
      if (!listening_) Say("listening");
      listening_ = true;
      for (const auto& notice : response.notices()) {
        const grpc::Status status = Handle(notice);
        if (!status.ok()) Complain(status);  // the session went on or is gone: others may follow
        if (notice.kind() == pb::NOTICE_KIND_MAINTENANCE_COMPLETE) {
          context.TryCancel();
          return grpc::Status::OK;
        }
      }
      token_ = response.token();  // only now: what was not dealt with comes again
    }
    const grpc::Status status = responses->Finish();
    return status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server ended the stream") : status;
  }

  grpc::Status Handle(const pb::ProjectNotice& notice) {
    std::vector<pb::NoticeInstance> instances(notice.instances().begin(), notice.instances().end());
    std::sort(instances.begin(), instances.end(),
              [](const auto& a, const auto& b) { return a.instance_name() < b.instance_name(); });
    std::string names, answer = "ACK";
    for (const auto& instance : instances) names += (names.empty() ? ": " : ", ") + instance.instance_name();
    Say("heard " + KindOf(notice) + names);
    pb::ReplyProjectSessionRequest reply;
    reply.set_session_id(notice.session_id());
    reply.set_project_id(project_);
    reply.set_kind(notice.kind());
    reply.set_notice_id(notice.notice_id());
    reply.set_answer(pb::ANSWER_ACK);
    reply.set_request_id(notice.session_id() + "/" + notice.notice_id());
    switch (notice.kind()) {
      case pb::NOTICE_KIND_MAINTENANCE:
        if (const grpc::Status status = Register(instances); !status.ok()) return status;
        break;
      case pb::NOTICE_KIND_SCALE_IN: {
        // Your application goes here: delete instances until this much is free, or as many as can be spared.
        const auto& needed = notice.needed();
        Say("would release " + std::to_string(needed.vcpus()) + " vCPU, " + std::to_string(needed.memory_mb()) +
            " MiB, " + std::to_string(needed.disk_gb()) + " GiB");
        break;
      }
      case pb::NOTICE_KIND_PREPARE_MAINTENANCE:
      case pb::NOTICE_KIND_PLANNED_MAINTENANCE:
        for (const auto& instance : instances) {
          const pb::InstanceAction action = Choose(instance);
          (*reply.mutable_instance_actions())[instance.instance_id()] = action;
          answer += ", " + instance.instance_name() + " " + Word(action);
        }
        break;
      case pb::NOTICE_KIND_MAINTENANCE_COMPLETE:
        break;  // Your application goes here: boot what SCALE_IN deleted.
      default:
        return grpc::Status::OK;  // told, not asked
    }
    pb::ReplyProjectSessionResponse replied;
    const grpc::Status status = fenix_.Patiently(
        [&](grpc::ClientContext* context) { return fenix_.projects->ReplyProjectSession(context, reply, &replied); });
    if (!status.ok()) return status;
    Say("answered " + KindOf(notice) + ": " + answer);
    for (const auto& instance : instances) {
      const auto chosen = reply.instance_actions().find(instance.instance_id());
      const bool own = chosen != reply.instance_actions().end() && chosen->second == pb::INSTANCE_ACTION_OWN_ACTION;
      if (own && replied.counted()) Replace(instance);
    }
    return status;
  }

  // Says what the instances and their group demand of every maintenance; the first notice tells which they are.
  grpc::Status Register(const std::vector<pb::NoticeInstance>& instances) {
    if (registered_) return grpc::Status::OK;
    const std::string group_id = project_ + "-group";
    for (const auto& instance : instances) {
      pb::SetInstanceConstraintRequest request;
      request.set_instance_id(instance.instance_id());
      request.mutable_constraint()->set_project_id(project_);
      request.mutable_constraint()->set_group_id(group_id);
      request.mutable_constraint()->set_instance_name(instance.instance_name());
      request.mutable_constraint()->add_migration_types(Choose(instance));
      pb::SetInstanceConstraintResponse response;
      const grpc::Status status = fenix_.Patiently([&](grpc::ClientContext* context) {
        return fenix_.constraints->SetInstanceConstraint(context, request, &response);
      });
      if (!status.ok()) return status;
      Say("registered " + instance.instance_name() + ": " + Word(Choose(instance)));
    }
    pb::SetGroupConstraintRequest request;
    request.set_group_id(group_id);
    request.mutable_constraint()->set_project_id(project_);
    request.mutable_constraint()->set_group_name(project_);
    request.mutable_constraint()->set_max_impacted_members(1);
    pb::SetGroupConstraintResponse response;
    const grpc::Status status = fenix_.Patiently([&](grpc::ClientContext* context) {
      return fenix_.constraints->SetGroupConstraint(context, request, &response);
    });
    if (!status.ok()) return status;
    Say("registered the group: at most 1 impacted");
    registered_ = true;
    return status;
  }

  pb::InstanceAction Choose(const pb::NoticeInstance& instance) {
    const std::string& own = flags_["own-action"];
    const bool its = own == instance.instance_id() || own == instance.instance_name();
    return its ? pb::INSTANCE_ACTION_OWN_ACTION : pb::INSTANCE_ACTION_MIGRATE;
  }

  // Runs the command that makes the instance leave its host, beside the rest. Your application goes here: boot another,
  // then delete this one. When it fails, fenix sees it once the time is over.
  void Replace(const pb::NoticeInstance& instance) {
    Say("own action: " + instance.instance_name());
    const std::string command = flags_["on-own-action"] + " '" + instance.instance_id() + "' >&2";
    own_actions_.push_back(std::async(std::launch::async, [command, name = instance.instance_name()] {
      if (std::system(command.c_str()) != 0) std::cerr << "! " << name << " stays" << std::endl;
    }));
  }

  const fenix::Client& fenix_;
  Flags flags_;
  std::string project_;
  std::string token_;  // of the last response that was dealt with
  bool listening_ = false;
  bool registered_ = false;
  std::vector<std::future<void>> own_actions_;  // waits for them in the end
};

int main(int argc, char** argv) {
  const char* token = std::getenv("FENIX_TOKEN");
  Flags flags{{"server", "127.0.0.1:12348"}, {"token", token ? token : ""}};
  for (int i = 1; i + 1 < argc; i += 2) flags[std::string(argv[i]).substr(2)] = argv[i + 1];
  if (argc % 2 == 0 || flags["project"].empty()) {
    std::cerr << "usage: vnfm --project ID [--server HOST:PORT] [--token TOKEN] [--ca FILE] [--own-action INSTANCE]\n"
                 "            [--on-own-action COMMAND]\n"
                 "--ca names the certificates to trust (plain text without it); the command gets the instance's id\n";
    return 2;
  }
  const fenix::Client fenix(flags["server"], flags["token"], flags["ca"]);
  return Vnfm(fenix, flags).Run().ok() ? 0 : 1;
}
