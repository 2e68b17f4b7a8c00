#include "sim/shrink/differences.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/plan/words.h"
#include "sim/shrink/edits.h"

namespace ksim::sim {
namespace {

const std::string* find(const Properties& config, const std::string& key) {
  const auto found = config.find(key);
  return found == config.end() ? nullptr : &found->second;
}

void compare_settings(const Plan& first, const Plan& second, std::vector<Difference>& into) {
  std::vector<SettingPlace> places = settings_of(first);
  for (const SettingPlace& place : settings_of(second)) {
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  Plan a = first;
  Plan b = second;
  for (const SettingPlace& place : places) {
    const Properties* const left = settings_of_owner(a, place.owner);
    const Properties* const right = settings_of_owner(b, place.owner);
    if (left == nullptr || right == nullptr) continue;  // what it belongs to differs as a whole
    const std::string* const was = find(*left, place.key);
    const std::string* const is = find(*right, place.key);
    if (was != nullptr && is != nullptr && *was == *is) continue;
    const std::string unset = "(default)";
    into.push_back({place.owner + ": " + place.key, was == nullptr ? unset : *was,
                    is == nullptr ? unset : *is,
                    [place, value = is == nullptr ? std::nullopt : std::optional(*is)](Plan& plan) {
                      Properties* const config = settings_of_owner(plan, place.owner);
                      if (config == nullptr) return;
                      if (value) {
                        (*config)[place.key] = *value;
                      } else {
                        config->erase(place.key);
                      }
                    }});
  }
}

Plan without_settings(Plan plan) {
  for (const SettingPlace& place : settings_of(plan)) plan = without_setting(std::move(plan), place);
  return plan;
}

// A part of the plan, settings aside: it differs if the plans would print differently in it.
template <class T>
void compare_part(const std::string& what, const Plan& first, const Plan& second, T Plan::*part,
                  const std::string& was, const std::string& is, std::vector<Difference>& into) {
  Plan mixed = without_settings(first);
  Plan other = without_settings(second);
  const std::string before = print_plan(mixed);
  mixed.*part = other.*part;
  if (print_plan(mixed) == before) return;
  into.push_back({what, was, is, [part, value = second.*part](Plan& plan) { plan.*part = value; }});
}

std::string counted(size_t count, std::string_view what) { return fmt::format("{} {}", count, what); }

}  // namespace

std::vector<Difference> differences(const Plan& first, const Plan& second) {
  std::vector<Difference> all;
  compare_settings(first, second, all);
  const auto part = [&](const std::string& what, auto member, const std::string& was, const std::string& is) {
    compare_part(what, first, second, member, was, is, all);
  };
  part("nodes", &Plan::cluster, counted(first.cluster.nodes.size(), "nodes"),
       counted(second.cluster.nodes.size(), "nodes"));
  part("topics", &Plan::topics, counted(first.topics.size(), "topics"),
       counted(second.topics.size(), "topics"));
  part("producers", &Plan::producers, counted(first.producers.size(), "producers"),
       counted(second.producers.size(), "producers"));
  part("consumers", &Plan::consumers, counted(first.consumers.size(), "consumers"),
       counted(second.consumers.size(), "consumers"));
  part("raw drivers", &Plan::raw_drivers, counted(first.raw_drivers.size(), "raw drivers"),
       counted(second.raw_drivers.size(), "raw drivers"));
  part("admins", &Plan::admins, counted(first.admins.size(), "admins"),
       counted(second.admins.size(), "admins"));
  part("faults", &Plan::faults, counted(first.faults.size(), "faults"),
       counted(second.faults.size(), "faults"));
  part("duration", &Plan::duration, format_duration(first.duration), format_duration(second.duration));
  part("settle", &Plan::settle, format_duration(first.settle), format_duration(second.settle));
  part("limits", &Plan::limits, first.limits, second.limits);
  part("sizes", &Plan::sizes, "its sizes", "its sizes");
  part("buggify", &Plan::buggify, counted(first.buggify.size(), "sites"),
       counted(second.buggify.size(), "sites"));
  part("network", &Plan::network, first.network.latency, second.network.latency);
  part("disk", &Plan::disk, first.disk.latency, second.disk.latency);
  part("interleaving", &Plan::explore, first.explore.policy, second.explore.policy);
  part("seed", &Plan::seed, std::to_string(first.seed), std::to_string(second.seed));
  return all;
}

std::vector<Difference> deciding(
    const Plan& base, std::vector<Difference> all,
    const std::function<std::optional<size_t>(const std::vector<Plan>&)>& first_alike) {
  for (size_t chunk = all.size(); chunk > 0; chunk /= 2) {
    for (size_t at = 0; at < all.size();) {
      std::vector<Plan> attempts;
      for (size_t left_out = at; left_out < all.size(); left_out += chunk) {
        Plan& plan = attempts.emplace_back(base);
        for (size_t i = 0; i < all.size(); ++i) {
          if (i < left_out || i >= left_out + chunk) all[i].apply(plan);
        }
      }
      const auto found = first_alike(attempts);
      if (!found) break;
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at + *found * chunk);
      all.erase(begin, begin + static_cast<std::ptrdiff_t>(
                                   std::min<size_t>(chunk, static_cast<size_t>(all.end() - begin))));
      at += *found * chunk;
    }
  }
  return all;
}

}  // namespace ksim::sim
