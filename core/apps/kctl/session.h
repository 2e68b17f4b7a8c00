#pragma once
// What a command works with: the world it runs in, its settings, its output, and how it ends.

#include <functional>
#include <memory>

#include "core/apps/kctl/output.h"
#include "core/apps/kctl/settings.h"
#include "core/client/admin.h"
#include "core/client/consumer.h"
#include "core/client/producer.h"
#include "core/io/env.h"
#include "core/io/sync.h"

namespace ksim {
class EpollLoop;
}

namespace ksim::kctl {

// Exit codes.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kBadInput = 2;
constexpr int kInterrupted = 130;

class Session {
 public:
  Session(const Env& environment, EpollLoop& event_loop, const Settings& given, Output& out)
      : env(environment), loop(event_loop), settings(given), output(out), stopped_(environment.scheduler) {}

  const Env& env;
  EpollLoop& loop;
  const Settings& settings;
  Output& output;

  Deadline deadline() const { return env.after(settings.timeout()); }

  // ---- how a command ends; each prints one line on stderr and gives the exit code ----
  // "kctl: WHAT: error", and what to do next where that is known.
  int failed(std::string_view what, const Error& error) const;
  int failed(std::string_view message) const;
  int failed(const client::ConsumerError& error) const;
  int bad_input(std::string_view message) const;
  void warn(std::string_view message) const;

  // ---- SIGINT and SIGTERM ----
  // A command that ends in order says so; any other one ends at once.
  void stop_in_order() { in_order_ = true; }
  bool stops_in_order() const { return in_order_; }
  bool stopping() const { return stopping_; }
  void stop();
  // Called once, when the signal comes; must not wait.
  void on_stop(std::function<void()> hook) { hook_ = std::move(hook); }
  // False: a signal came before the deadline.
  bool sleep_until(Deadline deadline);

 private:
  bool in_order_ = false;
  bool stopping_ = false;
  std::function<void()> hook_;
  Condition stopped_;
};

// The first server that answers in Kafka's protocol; why none does, and what to try, otherwise.
Result<Endpoint> reach_cluster(Session& session);

// A client that is closed when its owner goes out of scope, on a fiber.
class AdminClient {
 public:
  static Result<AdminClient> connect(Session& session);
  AdminClient(AdminClient&&) = default;
  AdminClient& operator=(AdminClient&&) = delete;
  ~AdminClient() {
    if (admin_ != nullptr) admin_->close();
  }
  client::Admin* operator->() const { return admin_.get(); }
  client::Admin& operator*() const { return *admin_; }

 private:
  explicit AdminClient(std::unique_ptr<client::Admin> admin) : admin_(std::move(admin)) {}
  std::unique_ptr<client::Admin> admin_;
};

// A sentence on what to do about an error, or nothing.
std::string_view advice_for(ErrorCode code);
// What failed in a change, with its message and whether it may have happened all the same.
std::string describe(const client::ChangeResult& change);

}  // namespace ksim::kctl
