#pragma once
// Many jobs over several processes that keep their memory from job to job.

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/bytes.h"

namespace ksim::host {

// How a worker came to its end in the middle of a job.
struct Death {
  bool hung = false;       // it was ended, since the job used up the farm's patience
  std::string how;         // "killed by SIGSEGV", "no end within 60 s of processor time"
  std::string last_words;  // on standard error (process.h); empty: none
};
std::string to_string(const Death& death);

// Jobs have the numbers 0 to count-1. Functions run in the parent, unless they say otherwise.
struct FarmOptions {
  uint64_t count = 0;
  size_t workers = 1;
  uint64_t batch = 8;  // jobs handed out at once
  // In the worker, once, before its first job.
  std::function<void()> begin;
  // Jobs that are not to be done. Without it: none.
  std::function<bool(uint64_t job)> known;
  // Jobs for a process that has done nothing else before. Without it: none.
  std::function<bool(uint64_t job)> apart;
  // When a job is handed out: what the worker is told about it. Without it: nothing.
  std::function<ByteBuffer(uint64_t job)> brief;
  // In the worker: one job, in words that done() understands.
  std::function<ByteBuffer(uint64_t job, Bytes brief)> work;
  // In the order in which jobs end. False: stop.
  std::function<bool(uint64_t job, Bytes words)> done;
  // The worker died while it did this job. False: stop.
  std::function<bool(uint64_t job, const Death& death)> died;
  // With it a job whose worker died is done once more, alone and in a process of its own, while nobody else
  // works. died() is told only if that one dies as well; if not, this is, behind done().
  std::function<void(uint64_t job, const Death& first)> recovered;
  // Of processor time for one job; or so long asleep without using any, as far as the farm itself was awake
  // to see it. 0: no end of it.
  int64_t patience_ns = 0;
  int64_t until_ns = 0;  // stops at this real time, as if done() had said so; 0: no such time
  // Some times a second; without it the parent sleeps until a job ends.
  std::function<void()> tick;
};
// False: interrupted by SIGINT, SIGTERM or SIGHUP before all jobs were done. Workers never outlive it. What
// they wrote to standard error comes out when they end.
bool run_farm(const FarmOptions& options);

}  // namespace ksim::host
