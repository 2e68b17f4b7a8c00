#include "core/apps/kctl/session.h"

#include <cstdio>

#include <fmt/format.h>

#include "core/io/scope.h"
#include "core/rpc/connection.h"

namespace ksim::kctl {
namespace {

void complain(std::string_view message) {
  std::fflush(stdout);
  fmt::print(stderr, "kctl: {}\n", message);
}

std::string reason_of(const Error& error) {
  switch (error.io) {
    case IoError::refused:
      return "connection refused";
    case IoError::timed_out:
      return "no answer";
    case IoError::unreachable:
      return "host unknown or not reachable";
    case IoError::ok:
      return to_string(error);
    default:
      return std::string(to_string(error.io));
  }
}

}  // namespace

std::string_view advice_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::UNKNOWN_TOPIC_OR_PARTITION:
      return "'kctl topic list' shows which there are";
    case ErrorCode::TOPIC_ALREADY_EXISTS:
      return "--if-not-exists takes it as it is";
    case ErrorCode::REQUEST_TIMED_OUT:
      return "is the cluster well ('kctl cluster', 'kctl quorum')? --timeout waits longer";
    case ErrorCode::INVALID_REPLICATION_FACTOR:
      return "'kctl cluster' shows how many brokers there are";
    case ErrorCode::NOT_ENOUGH_REPLICAS:
    case ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      return "fewer replicas are in sync than min.insync.replicas asks for: 'kctl topic describe' shows them";
    case ErrorCode::UNSUPPORTED_VERSION:
      return "the node is too old for this, or that is a controller's port: brokers serve clients";
    case ErrorCode::MESSAGE_TOO_LARGE:
    case ErrorCode::RECORD_LIST_TOO_LARGE:
      return "max.message.bytes of the topic and max.request.size (-X) bound the size of a record";
    default:
      return "";
  }
}

std::string describe(const client::ChangeResult& change) {
  std::string text(to_string(change.error));
  if (!change.message.empty()) text += ": " + change.message;
  if (const std::string_view advice = advice_for(change.error); !advice.empty())
    text += fmt::format(" ({})", advice);
  if (change.may_have_happened) text += "; it may have been done all the same: look before you repeat it";
  return text;
}

int Session::failed(std::string_view what, const Error& error) const {
  const std::string_view advice = advice_for(error.code);
  complain(fmt::format("{}: {}{}{}", what, to_string(error), advice.empty() ? "" : "; ", advice));
  return kFailed;
}
int Session::failed(std::string_view message) const {
  complain(message);
  return kFailed;
}
int Session::failed(const client::ConsumerError& error) const {
  std::string text = fmt::format("reading {}: {}", error.partition.to_string(), to_string(error.fault));
  if (error.offset) text += fmt::format(" at offset {}", *error.offset);
  if (!error.message.empty()) text += ": " + error.message;
  if (error.fault == client::ConsumerFault::offset_out_of_range)
    text += fmt::format("; 'kctl offsets {}' shows which offsets there are", error.partition.topic);
  return failed(text);
}
int Session::bad_input(std::string_view message) const {
  complain(message);
  return kBadInput;
}
void Session::warn(std::string_view message) const { complain(fmt::format("warning: {}", message)); }

void Session::stop() {
  stopping_ = true;
  if (hook_) std::exchange(hook_, {})();
  stopped_.notify_all();
}

bool Session::sleep_until(Deadline deadline) {
  while (!stopping_ && env.now() < deadline) static_cast<void>(stopped_.wait(deadline, "time to pass"));
  return !stopping_;
}

Result<Endpoint> reach_cluster(Session& session) {
  const std::vector<Endpoint>& servers = session.settings.bootstrap();
  std::vector<std::string> reasons(servers.size());
  std::optional<Endpoint> answered;
  size_t tried = 0;
  Condition changed(session.env.scheduler);
  // All at once: one that hangs must not hold up the others.
  run_scoped(session.env, [&](Scope& scope) {
    for (size_t i = 0; i < servers.size(); ++i) {
      scope.spawn(
          "kctl.reach",
          [&, i] {
            rpc::RpcClientConfig config;
            config.client_id = "kctl";
            auto opened = rpc::RpcConnection::open(session.env, servers[i], config, session.deadline());
            if (opened.ok()) {
              (*opened)->close();
              if (!answered) answered = servers[i];
            } else {
              reasons[i] = fmt::format("{} ({})", to_string(servers[i]), reason_of(opened.error()));
            }
            ++tried;
            changed.notify_all();
          },
          i);
    }
    while (!answered && tried < servers.size())
      static_cast<void>(changed.wait(Instant::never(), "an answer"));
  });
  if (answered) return *answered;
  return fail(ErrorCode::BROKER_NOT_AVAILABLE,
              fmt::format("no broker at {}; is one running there? --bootstrap HOST:PORT names another",
                          fmt::join(reasons, ", ")));
}

Result<AdminClient> AdminClient::connect(Session& session) {
  TRY_ASSIGN(const Endpoint answered, reach_cluster(session));
  client::AdminConfig config = session.settings.admin();
  config.bootstrap_servers = {answered};
  TRY_ASSIGN(std::unique_ptr<client::Admin> admin, client::Admin::create(session.env, std::move(config)));
  return AdminClient(std::move(admin));
}

}  // namespace ksim::kctl
