// A connection to fenix; the generated stubs are the API.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "fenix/v1/constraint_service.grpc.pb.h"
#include "fenix/v1/project_service.grpc.pb.h"
#include "fenix/v1/session_service.grpc.pb.h"

namespace fenix {

// Waits between tries, longer after each failure in a row.
class Backoff {
 public:
  // For a success.
  void Reset() { failures_ = 0; }

  // Waits before the next try; false at once when another try would not help.
  bool Wait(const grpc::Status& failed) {
    switch (failed.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
      case grpc::StatusCode::DEADLINE_EXCEEDED:
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
      case grpc::StatusCode::CANCELLED:
        break;
      default:
        return false;
    }
    const int full = std::min(kLongestMs, kFirstMs << std::min(failures_++, 10));
    // random, so that clients of a server that was away spread out
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<>(full / 2, full)(chance_)));
    return true;
  }

 private:
  static constexpr int kFirstMs = 200;
  static constexpr int kLongestMs = 5000;
  int failures_ = 0;
  std::minstd_rand chance_{std::random_device{}()};
};

// Whether an error of a watch says that its token is too old, or another server's: begin without it.
inline bool IsUnknownToken(const grpc::Status& failed) {
  return failed.error_code() == grpc::StatusCode::OUT_OF_RANGE ||
         failed.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
}

// The services of a server. It connects with the first call and again whenever needed.
class Client {
 public:
  // `server` is such as "127.0.0.1:12348"; `token` says who is calling; `ca` names a file with the certificates to
  // trust, and without it nothing is encrypted.
  explicit Client(const std::string& server, std::string token = "", const std::string& ca = "")
      : Client(Channel(server, ca), std::move(token)) {}

  // What applications demand of every maintenance.
  const std::unique_ptr<v1::ConstraintService::Stub> constraints;
  // For managers of projects.
  const std::unique_ptr<v1::ProjectService::Stub> projects;
  // For administrators.
  const std::unique_ptr<v1::SessionService::Stub> sessions;

  // Says who is calling; for the context of every call.
  void Authenticate(grpc::ClientContext& context) const {
    if (!token_.empty()) context.AddMetadata("x-auth-token", token_);
  }

  // Repeats a call that may be repeated until a server answers; `call` takes a grpc::ClientContext*. What it returns is
  // definite.
  template <typename Call>
  grpc::Status Patiently(Call call) const {
    for (Backoff backoff;;) {
      grpc::ClientContext context;
      Authenticate(context);
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
      const grpc::Status status = call(&context);
      if (status.ok() || !backoff.Wait(status)) return status;
    }
  }

 private:
  Client(const std::shared_ptr<grpc::Channel>& channel, std::string token)
      : constraints(v1::ConstraintService::NewStub(channel)),
        projects(v1::ProjectService::NewStub(channel)),
        sessions(v1::SessionService::NewStub(channel)),
        token_(std::move(token)) {}

  static std::shared_ptr<grpc::Channel> Channel(const std::string& server, const std::string& ca) {
    auto credentials = grpc::InsecureChannelCredentials();
    if (!ca.empty()) {
      const std::ifstream file(ca);
      if (!file) throw std::runtime_error(ca + " cannot be read");
      std::stringstream trusted;
      trusted << file.rdbuf();
      credentials = grpc::SslCredentials({trusted.str(), "", ""});
    }
    grpc::ChannelArguments arguments;
    // A dead server is noticed within 40 s; servers refuse clients that ping more often than every 30 s.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
    // A server that came back is found within seconds instead of gRPC's two minutes.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
    return grpc::CreateCustomChannel(server, credentials, arguments);
  }

  std::string token_;
};

}  // namespace fenix
