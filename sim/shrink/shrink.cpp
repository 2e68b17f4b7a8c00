#include "sim/shrink/shrink.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/plan/words.h"
#include "sim/shrink/edits.h"

namespace ksim::sim {
namespace {

class Shrinker {
 public:
  Shrinker(Plan plan, const ShrinkOptions& options) : plan_(std::move(plan)), options_(options) {}

  Plan run() {
    std::string before;
    do {
      before = print_plan(plan_);
      // What makes runs shorter comes first: all that follows is tried the faster.
      edit(shorter(plan_));
      thin("fault", &Plan::faults, [](const FaultPlan& f) { return f.kind + " of " + f.target; });
      thin("raw driver", &Plan::raw_drivers, [](const RawDriverPlan& d) { return d.name; });
      thin("admin", &Plan::admins, [](const AdminPlan& a) { return a.name; });
      thin("consumer", &Plan::consumers, [](const ConsumerPlan& c) { return c.name; });
      thin("producer", &Plan::producers, [](const ProducerPlan& p) { return p.name; });
      thin("topic", &Plan::topics, [](const TopicPlan& t) { return t.name; });
      edit(without_nodes(plan_));
      thin("site", &Plan::buggify, [](const std::string& site) { return site; });
      thin_settings();
      edit(plainer(plan_));
      edit(weaker_workload(plan_));
      edit(weaker_faults(plan_));
      hang_on_marks();
    } while (!options_.enough() && print_plan(plan_) != before);
    return std::move(plan_);
  }

 private:
  // True: one was taken; `taken` is its place.
  bool adopt(std::vector<Attempt>& attempts, size_t& taken) {
    if (attempts.empty() || options_.enough()) return false;
    const auto found = options_.first_that_fails(attempts);
    if (!found) return false;
    taken = *found;
    plan_ = std::move(attempts[taken].plan);
    options_.adopted(attempts[taken].what);
    return true;
  }

  // Each edit of the plan as it is by then, from the first on.
  void edit(const std::vector<Edit>& edits) {
    for (size_t next = 0; next < edits.size();) {
      std::vector<Attempt> attempts;
      std::vector<size_t> places;
      for (size_t i = next; i < edits.size(); ++i) {
        Plan changed = plan_;
        if (!edits[i].apply(changed)) continue;
        attempts.push_back({std::move(changed), edits[i].what});
        places.push_back(i);
      }
      size_t taken = 0;
      if (!adopt(attempts, taken)) return;
      next = places[taken] + 1;
    }
  }

  // Leaves out elements [at, at + chunk) of a list of `size` elements, all chunks and then smaller ones.
  void thin_list(const std::function<size_t()>& size, const std::function<Attempt(size_t, size_t)>& without) {
    for (size_t chunk = size(); chunk > 0; chunk /= 2) {
      for (size_t at = 0; at < size();) {
        std::vector<Attempt> attempts;
        for (size_t i = at; i < size(); i += chunk)
          attempts.push_back(without(i, std::min(chunk, size() - i)));
        size_t taken = 0;
        if (!adopt(attempts, taken)) break;
        at += taken * chunk;
      }
    }
  }

  template <class T, class Name>
  void thin(const std::string& kind, std::vector<T> Plan::*list, Name name) {
    thin_list([&] { return (plan_.*list).size(); },
              [&](size_t at, size_t count) {
                const auto begin = static_cast<std::ptrdiff_t>(at);
                const auto end = begin + static_cast<std::ptrdiff_t>(count);
                Attempt attempt{plan_, count == 1
                                           ? fmt::format("without {} {}", kind, name((plan_.*list)[at]))
                                           : fmt::format("without {} {}s", count, kind)};
                auto& left = attempt.plan.*list;
                left.erase(left.begin() + begin, left.begin() + end);
                return attempt;
              });
  }

  void thin_settings() {
    thin_list([&] { return settings_of(plan_).size(); },
              [&](size_t at, size_t count) {
                Attempt attempt{plan_, {}};
                const std::vector<SettingPlace> all = settings_of(plan_);
                for (size_t i = at; i < at + count; ++i) attempt.plan = without_setting(attempt.plan, all[i]);
                attempt.what = count == 1 ? fmt::format("without {} of {}", all[at].key, all[at].owner)
                                          : fmt::format("without {} settings", count);
                return attempt;
              });
  }

  // A fault that follows from what happens stays where it belongs when times change.
  void hang_on_marks() {
    if (!options_.watch || options_.enough()) return;
    const auto timed = [](const FaultPlan& fault) { return fault.trigger.at.has_value(); };
    if (std::none_of(plan_.faults.begin(), plan_.faults.end(), timed)) return;
    const Sighting seen = options_.watch(plan_);
    for (const FaultSeen& fault : seen.faults) {
      if (fault.fault >= plan_.faults.size() || !timed(plan_.faults[fault.fault])) continue;
      std::vector<Attempt> attempts;
      for (const FaultTrigger& trigger : triggers_near(fault, seen.marks)) {
        Attempt attempt{plan_, {}};
        FaultPlan& hung = attempt.plan.faults[fault.fault];
        hung.trigger = trigger;
        hung.target = kHere;
        attempt.what = fmt::format("{} hangs on {} #{}", hung.kind, trigger.when, trigger.nth);
        attempts.push_back(std::move(attempt));
      }
      size_t taken = 0;
      static_cast<void>(adopt(attempts, taken));
    }
  }

  Plan plan_;
  const ShrinkOptions& options_;
};

}  // namespace

Plan shrink(Plan plan, const ShrinkOptions& options) { return Shrinker(std::move(plan), options).run(); }

}  // namespace ksim::sim
