#include "fuzz/one_node.h"

#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

class BodyProcess final : public sim::Process {
 public:
  BodyProcess(std::function<void(Env&)> body, Env& env) : body_(std::move(body)), env_(env) {}
  void run(size_t) override { body_(env_); }
  void stop() override {}

 private:
  std::function<void(Env&)> body_;
  Env& env_;
};

}  // namespace

SmallWorld::SmallWorld(sim::RunMemory& memory) : world_({}, memory) { world_.watch(this); }

sim::SimNode& SmallWorld::start(const std::string& name, const sim::ProcessFactory& factory) {
  sim::NodeSetup setup;
  setup.name = name;
  setup.disk = sim::DiskProfile::instant();
  sim::SimNode& node = world_.add_node(setup);
  node.start(factory);
  return node;
}

sim::SimNode& SmallWorld::start(const std::string& name, std::function<void(Env&)> body) {
  return start(name, sim::ProcessFactory([body = std::move(body)](const std::vector<Env*>& shards) {
                 return std::make_unique<BodyProcess>(body, *shards[0]);
               }));
}

void SmallWorld::event(sim::SimNode& node, const Event& event) {
  // What a process says when it gives up, or cannot start.
  const auto* const line = std::get_if<LogLine>(&event);
  if (line != nullptr && line->level >= 3) last_words_ = node.name() + ": " + std::string(line->text);
}

void SmallWorld::failed(sim::SimNode& node, std::string_view fiber, std::string_view what) {
  if (failure_.empty()) failure_ = node.name() + "/" + std::string(fiber) + ": " + std::string(what);
}

void SmallWorld::check() const {
  must(failure_.empty(), failure_);
  must(world_.livelock().empty(), world_.livelock());
}

void OneNode::run(const std::function<void(Env&)>& body) {
  SmallWorld world(memory_);
  const sim::SimNode& node = world.start("node", body);
  constexpr Duration kLimit = seconds(3600);
  world.run_for(kLimit);
  world.check();
  must(!node.running(), "it waits for ever");
}

void write_files(Disk& disk, std::string_view directory, const std::vector<Piece>& files) {
  must(disk.make_dir(directory).ok(), "cannot make a directory");
  for (const Piece& piece : files) {
    if (!is_file_name(piece.name)) continue;
    auto file = disk.open(join_path(directory, piece.name), Open::create_truncate);
    if (!file.ok()) continue;  // a name too long
    must(write_fully(**file, 0, piece.bytes).ok(), "cannot write a file");
  }
}

std::vector<Piece> read_files(Disk& disk, std::string_view directory) {
  std::vector<Piece> files;
  const auto names = disk.list(directory);
  must(names.ok(), "cannot list a directory");
  for (const std::string& name : *names) {
    const std::string path = join_path(directory, name);
    const auto stat = disk.stat(path);
    if (!stat.ok() || stat->is_directory) continue;
    auto content = read_file(disk, path);
    must(content.ok(), "cannot read a file");
    files.push_back({name, std::move(*content)});
  }
  return files;
}

}  // namespace ksim::fuzz
