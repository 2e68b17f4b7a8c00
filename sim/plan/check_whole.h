#pragma once
// What is well by itself in a plan and wrong together: sums, names that meet, references.

#include <functional>
#include <string>

#include "sim/plan/plan.h"

namespace ksim::sim {

constexpr size_t kMostClients = 10'000;  // of one kind, and all together

void check_whole(const Plan& plan,
                 const std::function<void(const std::string& path, std::string what)>& complain);

}  // namespace ksim::sim
