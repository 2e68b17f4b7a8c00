#pragma once
// A swarm's workers: what they are handed, what they answer, and what is told of it meanwhile.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/cli/commands.h"
#include "sim/host/farm.h"
#include "sim/host/file_lock.h"
#include "sim/host/terminal.h"
#include "sim/swarm/swarm.h"

namespace ksim::sim {

// A scenario of the swarm.
struct Member {
  Source source;
  host::ScenarioCommand command;
};

class Hive {
 public:
  // `lock` is of the campaign's file.
  Hive(const host::SwarmCommand& command, std::vector<Member> members, Swarm swarm, host::FileLock lock);

  // False: interrupted.
  bool run();
  Result<void> save();

  const Swarm& swarm() const { return swarm_; }
  int64_t real_ns() const { return host::real_ns() - began_ns_; }
  uint64_t fresh_runs() const { return swarm_.runs() - runs_before_; }

 private:
  using Jobs = std::function<SwarmJob(uint64_t)>;  // by number of the farm

  const Member& member(uint64_t number) const { return members_[swarm_.plan().turn_of(number)]; }
  bool run_jobs(uint64_t count, const Jobs& job_of, bool in_time);
  std::optional<uint64_t> worth_a_recheck() const;
  bool known(SwarmJob job) const;
  ByteBuffer brief(SwarmJob job);
  bool done(SwarmJob job, Bytes words);
  bool died(SwarmJob job, const host::Death& death);
  bool goes_on() const;
  void explain_differences();
  void tick();
  std::string progress(bool bar) const;
  uint64_t since_began_ms() const;

  // ---- in a worker ----
  ByteBuffer work(SwarmJob job, Bytes brief);
  std::string record(uint64_t number, const Lineage& lineage);

  const host::SwarmCommand& command_;
  std::vector<Member> members_;
  Swarm swarm_;
  host::FileLock lock_;
  size_t workers_;
  std::unique_ptr<RunMemory> memory_;
  uint64_t recorded_ = 0;
  int64_t began_ns_ = host::real_ns();
  int64_t saved_ns_ = host::real_ns();
  int64_t told_ns_ = host::real_ns();
  // What earlier sessions had.
  uint64_t runs_before_;
  uint64_t failures_before_;
  size_t differences_before_;
  uint64_t ms_before_;
};

}  // namespace ksim::sim
