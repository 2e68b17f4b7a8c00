#pragma once
// The states a replica of the metadata quorum can be in (rule B3, Kafka's names), as plain data. What moves
// between them are the become_* functions of node.h, nothing else.

#include <variant>

#include "core/raft/leader.h"
#include "core/raft/tally.h"
#include "core/raft/types.h"

namespace ksim::raft {

// Knows an epoch, perhaps its leader without a way to reach it, perhaps a vote.
struct Unattached {
  std::optional<int32_t> leader_id;
  Instant election_deadline = Instant::never();  // never: observers
};

// Asks whether an election would be won, before raising the epoch (KIP-996).
struct Prospective {
  std::optional<int32_t> leader_id;
  Tally tally;
  Instant election_deadline;
};

struct Candidate {
  Tally tally;
  Instant election_deadline;
  std::optional<Instant> backoff_until;  // set once this election is lost (rule B18)
};

// Led this epoch and never will again in it (rules B4, B29).
struct Resigned {
  Instant election_deadline;
  std::vector<ReplicaKey> preferred_successors;
  std::vector<int32_t> unacknowledged;  // voters that have not answered EndQuorumEpoch
};

struct SnapshotFetch {
  OffsetAndEpoch id;
  int64_t position = 0;  // bytes held
};

struct Follower {
  int32_t leader_id = kNoNode;
  Instant fetch_deadline;
  bool has_fetched = false;  // from this leader, successfully: then pre-votes are refused (rule B11)
  std::optional<SnapshotFetch> snapshot;
};

using State = std::variant<Unattached, Prospective, Candidate, Leader, Resigned, Follower>;

const char* state_name(const State& state);
// The leader of the epoch as far as this state knows it; `self` leads in Leader and Resigned.
std::optional<int32_t> leader_of(const State& state, int32_t self);

}  // namespace ksim::raft
