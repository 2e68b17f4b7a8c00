#pragma once
// Topics that clients ask for before they exist (rule D61): one request to the controller in flight for a
// name, one fiber of the shard that sends them.

#include <set>
#include <string>

#include "core/broker/controller_channel.h"
#include "core/io/scope.h"
#include "core/metadata/server_config.h"

namespace ksim::broker {

class AutoTopicCreation {
 public:
  AutoTopicCreation(const Env& env, ControllerChannel& channel, const ServerConfig& server)
      : env_(env), channel_(channel), server_(server), scope_(env), wanted_(env.scheduler) {}

  void start();
  void stop() { scope_.close(); }
  // Does not wait; the client asks again.
  void request(const std::string& topic);

 private:
  void loop();

  const Env& env_;
  ControllerChannel& channel_;
  const ServerConfig& server_;
  std::set<std::string> wanting_;
  std::set<std::string> in_flight_;
  Scope scope_;
  Condition wanted_;
};

}  // namespace ksim::broker
