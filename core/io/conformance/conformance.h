#pragma once
// What the seam promises, as checks that run against any world. Code written on top relies on nothing else;
// a world that breaks one of these is wrong, whichever it is.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/io/env.h"

namespace ksim::conformance {

// A fresh world for one check.
class World {
 public:
  virtual ~World() = default;
  // Runs each body as the first fiber of a node of its own (an empty disk, an address), all on one thread and
  // one clock, until every one has returned. Bodies may share variables. Called once.
  virtual void run(const std::vector<std::function<void(Env&)>>& nodes) = 0;
  // Runs `body` as the first fiber of every shard of one node, until every one has returned. Shards may be
  // threads. Called once, instead of run().
  virtual void run_shards(size_t shards, const std::function<void(Env&)>& body) = 0;
  // Where node k may listen.
  virtual std::string host(size_t node) = 0;
  // The next sync of a file of node k fails as a device's would.
  virtual void fail_next_sync(size_t node) = 0;
};
using WorldFactory = std::function<std::unique_ptr<World>()>;

struct Promise {
  std::string name;
  std::function<void(World&)> check;  // by GoogleTest's EXPECT_ and ASSERT_
};
std::vector<Promise> disk_promises();
std::vector<Promise> network_promises();
std::vector<Promise> shard_promises();  // clock, random, mailboxes

// Makes each promise a GoogleTest case "<suite>.<promise>". Before RUN_ALL_TESTS, once a program.
void register_promises(const std::string& suite, const WorldFactory& factory);

// ---- for the checks ----

// A check with one node.
std::function<void(World&)> on_one_node(std::function<void(Env&)> body);
// A check with two: the server accepts one connection from the client; each has an end, which is
// closed after its body.
using EndBody = std::function<void(Env&, Connection&)>;
std::function<void(World&)> connected(EndBody server, EndBody client);

template <class T>
IoError error_of(const IoResult<T>& result) {
  return result.ok() ? IoError::ok : result.error();
}
inline Deadline soon(const Env& env) { return env.after(milliseconds(20)); }
// Long enough for whatever must happen, in real time too.
inline Deadline eventually(const Env& env) { return env.after(seconds(20)); }
ByteBuffer pattern(size_t size_bytes, uint32_t seed = 1);
// Up to and with the peer's end; `error` takes a failure.
ByteBuffer read_to_end(Env& env, Connection& connection, IoError* error = nullptr);

}  // namespace ksim::conformance
