#include "core/raft/state.h"

namespace ksim::raft {

namespace {

struct Name {
  const char* operator()(const Unattached&) const { return "unattached"; }
  const char* operator()(const Prospective&) const { return "prospective"; }
  const char* operator()(const Candidate&) const { return "candidate"; }
  const char* operator()(const Leader&) const { return "leader"; }
  const char* operator()(const Resigned&) const { return "resigned"; }
  const char* operator()(const Follower&) const { return "follower"; }
};

struct LeaderId {
  int32_t self;
  std::optional<int32_t> operator()(const Unattached& state) const { return state.leader_id; }
  std::optional<int32_t> operator()(const Prospective& state) const { return state.leader_id; }
  std::optional<int32_t> operator()(const Candidate&) const { return std::nullopt; }
  std::optional<int32_t> operator()(const Leader&) const { return self; }
  std::optional<int32_t> operator()(const Resigned&) const { return self; }
  std::optional<int32_t> operator()(const Follower& state) const { return state.leader_id; }
};

}  // namespace

const char* state_name(const State& state) { return std::visit(Name{}, state); }

std::optional<int32_t> leader_of(const State& state, int32_t self) {
  return std::visit(LeaderId{self}, state);
}

}  // namespace ksim::raft
