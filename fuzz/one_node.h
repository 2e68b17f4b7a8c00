#pragma once
// Simulated machines for targets whose code needs an Env. Memory is kept from input to input.

#include <functional>
#include <string>
#include <vector>

#include "core/io/env.h"
#include "fuzz/pieces.h"
#include "sim/world.h"

namespace ksim::fuzz {

// A world whose disks never wait.
class SmallWorld final : private sim::WorldWatcher {
 public:
  explicit SmallWorld(sim::RunMemory& memory);
  ~SmallWorld() { world_.watch(nullptr); }

  sim::SimNode& start(const std::string& name, const sim::ProcessFactory& factory);
  sim::SimNode& start(const std::string& name, std::function<void(Env&)> body);
  void run_for(Duration time) { world_.run_until(world_.now() + time); }
  // A broken invariant so far is a Finding.
  void check() const;
  // Of a process that gave up; empty: none did.
  const std::string& last_words() const { return last_words_; }

 private:
  void event(sim::SimNode& node, const Event& event) override;
  void reached(sim::SimNode&, Mark, std::string_view) override {}
  void failed(sim::SimNode& node, std::string_view fiber, std::string_view what) override;
  void exited(sim::SimNode&) override {}

  sim::World world_;
  std::string failure_;
  std::string last_words_;
};

class OneNode {
 public:
  // Runs `body` as the process of a new machine with an empty disk. A broken invariant, and a body that does not come
  // to its end, is a Finding.
  void run(const std::function<void(Env&)>& body);

 private:
  sim::RunMemory memory_;
};

// The files of these names in a directory, which is made; what can be no file's name is left out, and of two of one
// name the later one stays.
void write_files(Disk& disk, std::string_view directory, const std::vector<Piece>& files);
std::vector<Piece> read_files(Disk& disk, std::string_view directory);

}  // namespace ksim::fuzz
