#pragma once
// One election's votes, or one pre-vote's (rules B17, B19): of the voter set in force when it began.

#include "core/raft/types.h"

namespace ksim::raft {

class Tally {
 public:
  Tally() = default;
  // The candidate's own vote is in from the start.
  Tally(const VoterSet& voters, int32_t self);

  // No effect for a node that is no voter of this election. A later answer replaces an earlier one.
  void record(int32_t voter, bool granted);

  bool won() const { return count(Vote::granted) >= majority_; }
  // Too few are left to win.
  bool lost() const { return count(Vote::granted) + count(Vote::unknown) < majority_; }
  bool unrecorded(int32_t voter) const;
  std::vector<int32_t> granting() const;

 private:
  enum class Vote : uint8_t { unknown, granted, rejected };
  struct Entry {
    int32_t voter;
    Vote vote;
  };
  size_t count(Vote vote) const;

  std::vector<Entry> entries_;
  size_t majority_ = 1;
};

}  // namespace ksim::raft
