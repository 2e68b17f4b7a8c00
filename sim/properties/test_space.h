#pragma once
// What a property speaks of: a space of Plans. A point of it is a Sketch, a few small integers, each the
// place of a word in a list that begins with the plainest one. So whatever a sketch is shrunk to is a plan
// that the property speaks of, and the smaller the integers, the plainer the plan.

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <rapidcheck.h>

#include "sim/plan/plan.h"

namespace ksim::sim::properties {

using Words = std::vector<std::string>;

struct FaultSketch {
  uint8_t kind = 0;
  uint8_t target = 0;
  uint8_t at = 0;     // steps after the clients begin
  uint8_t lasts = 0;  // place among kLasts
  uint8_t mark = 0;   // 0: at that time; else it hangs on a mark, for the (at + 1)-th time
  bool operator==(const FaultSketch&) const = default;
};

struct Sketch {
  std::vector<uint8_t> knobs;  // one for each knob of the space
  std::vector<FaultSketch> faults;
  uint16_t seed = 0;  // of the interleaving and of sizes
  bool operator==(const Sketch&) const = default;
};

// Brokers, replication.factor and min.insync.replicas, as "3/3/2".
struct Sizes {
  int32_t brokers = 1;
  int32_t replication = 1;
  int32_t min_insync = 1;
};
Sizes sizes_of(const std::string& word);
int32_t min_insync_of(const Plan& plan);

class Space {
 public:
  // Ordinary clusters without faults: producers with acks=all and idempotence, a reader from the first record
  // on
  // ("early"), and one that begins when all is healed ("late").
  Space();

  // Choices of what is to be drawn. One of a knob that is there already takes its place; the plainest word
  // comes first, and an empty one leaves the key out.
  Space& sizes(Words words);
  Space& controllers(Words words);
  Space& duration(Words words);
  Space& cluster(const std::string& key, Words words);
  Space& topic(const std::string& key, Words words);
  Space& producers(const std::string& key, Words words);
  Space& knob(const std::string& what, Words words, std::function<void(Plan&, const std::string&)> set);

  // A kind of fault with its parameters, each a choice of words.
  Space& fault(const std::string& kind, Words targets, std::map<std::string, std::string> parameters = {});
  // What ends processes, machines, connections and ways, and destroys nothing that was written.
  Space& kills(Words targets);
  Space& troubles(Words targets);
  Space& most_faults(size_t count);
  // Faults may hang on marks of core, and strike who reached them: for spaces in which every node may be
  // struck.
  Space& on_marks();
  // What else makes a plan fit the property; called last, with a plan of the space.
  Space& trim(std::function<void(Plan&)> change);

  Plan plan(const Sketch& sketch) const;
  rc::Gen<Sketch> sketches() const;
  // Smaller ones, what saves most first.
  std::vector<Sketch> smaller(const Sketch& sketch) const;
  std::string text(const Sketch& sketch) const;
  size_t knob_count() const { return knobs_.size(); }
  bool has_faults() const { return !kinds_.empty(); }

 private:
  struct Knob {
    std::string what;
    Words words;
    std::function<void(Plan&, const std::string&)> set;
  };
  struct Kind {
    std::string name;
    Words targets;
    std::map<std::string, std::string> parameters;
  };
  Sketch draw(rc::Random random, int size) const;
  FaultPlan fault_plan(const FaultSketch& sketch) const;

  std::vector<Knob> knobs_;
  std::vector<Kind> kinds_;
  size_t most_faults_ = 4;
  bool on_marks_ = false;
  std::vector<std::function<void(Plan&)>> trims_;
};

}  // namespace ksim::sim::properties
