#include "core/raft/tally.h"

namespace ksim::raft {

Tally::Tally(const VoterSet& voters, int32_t self) : majority_(voters.majority()) {
  for (const ReplicaKey& voter : voters.all()) entries_.push_back({voter.id, Vote::unknown});
  record(self, true);
}

void Tally::record(int32_t voter, bool granted) {
  for (Entry& entry : entries_) {
    if (entry.voter == voter) entry.vote = granted ? Vote::granted : Vote::rejected;
  }
}

bool Tally::unrecorded(int32_t voter) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.voter == voter && entry.vote == Vote::unknown; });
}

std::vector<int32_t> Tally::granting() const {
  std::vector<int32_t> ids;
  for (const Entry& entry : entries_) {
    if (entry.vote == Vote::granted) ids.push_back(entry.voter);
  }
  return ids;
}

size_t Tally::count(Vote vote) const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                           [&](const Entry& entry) { return entry.vote == vote; }));
}

}  // namespace ksim::raft
