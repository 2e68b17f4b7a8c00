#pragma once
// A partition in which something stands still, though nothing fails any more.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "sim/explain/past.h"
#include "sim/explain/teller.h"

namespace ksim::sim {

// How often something was, and when.
struct Stretch {
  int64_t times = 0;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
};
// Of the column "at" of a select.
Result<Stretch> counted(Database& database, const std::string& select);
std::string times_words(int64_t times);  // "once", "12 times"

class Scene {
 public:
  Scene(Tale& tale, const Past& past, std::string partition)
      : tale_(tale), past_(past), partition_(std::move(partition)), state_(past.state_at(tale.at_ns())) {}

  std::string leader_words() const;

 protected:
  Tale& tale_;
  const Past& past_;
  std::string partition_;
  const PastState* state_;
};

// Who waits there for an answer, or for records.
class StuckClients : public Scene {
 public:
  using Scene::Scene;

  Result<void> reader(const std::string& client);
  Result<void> deletion(const std::string& client);
  // `since_ns`: when the record was sent that it is about; -1: it is about all.
  Result<void> sender(const std::string& client, int64_t since_ns, std::string text, std::string_view kind);

 private:
  Result<std::string> asked_since(const std::string& client, int64_t since_ns, const std::string& which);
};

}  // namespace ksim::sim
