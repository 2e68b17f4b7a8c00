#pragma once
// The faults of one run: begins each at its time or on the n-th time its mark is reached or its predicate
// begins to hold, ends it after its time or when the run heals.

#include <memory>
#include <string>
#include <vector>

#include "core/base/hooks.h"
#include "sim/faults/fault.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {

// Who is told. Rows are its own numbers.
class FaultTeller {
 public:
  virtual ~FaultTeller() = default;
  virtual int64_t fault_began(const FaultPlan& plan, const std::string& target, const std::string& cause,
                              const std::string& effect) = 0;
  // It has come to nothing: `why` says what was missing.
  virtual void fault_missed(const FaultPlan& plan, const std::string& target, const std::string& cause,
                            const std::string& why) = 0;
  virtual void fault_ended(int64_t row, const std::string& what) = 0;
};

class FaultSchedule {
 public:
  // All of them outlive the schedule; the schedule outlives the world's run.
  FaultSchedule(FaultStage& stage, const std::vector<FaultPlan>& plans, FaultTeller& teller);

  void start();
  // A mark was reached at `node`, in a fiber. A fault without delay acts at once: before that fiber's next
  // operation on the seam.
  void reached(Mark mark, SimNode& node, std::string_view subject);
  // A predicate begins to hold. `node`: who is "here"; null: nobody. A fault without delay acts next, before
  // any other fiber runs.
  void became_true(Predicate predicate, SimNode* node, std::string_view subject);
  // The process of a node has died: what was done to it alone may be over by that.
  void died(const SimNode& node);
  // Ends what is active; nothing begins any more. What never began is told as missed.
  void heal();

 private:
  struct State {
    uint64_t key = 0;
    uint32_t seen = 0;
    bool begun = false;
    bool over = false;
    SimNode* here = nullptr;  // where its mark was reached, or its predicate held
    std::string about;        // what that was about: "orders-3"
    int64_t row = 0;
    std::unique_ptr<ActiveFault> active;
  };

  // It has come about once more what the fault hangs on; true if that was the time.
  bool count(size_t i, SimNode* node, std::string_view subject);
  // What the fault hangs on has come about as often as it is to.
  bool came(size_t i) const { return plans_[i].trigger.at || states_[i].seen >= plans_[i].trigger.nth; }
  void begin(size_t i);
  std::vector<SimNode*> targets_of(size_t i);
  void end(size_t i);
  void miss(size_t i, const std::string& target, const std::string& why);
  std::string why_not_begun(size_t i) const;
  std::string cause(size_t i) const;

  FaultStage& stage_;
  const std::vector<FaultPlan>& plans_;
  FaultTeller& teller_;
  std::vector<State> states_;
  std::vector<bool> marked_;     // by mark: some fault hangs on it
  std::vector<bool> predicted_;  // by predicate
  bool started_ = false;
  bool healing_ = false;
};

}  // namespace ksim::sim
