#pragma once
// What the commands on topics share.

#include <map>
#include <string_view>
#include <vector>

#include "core/apps/kctl/session.h"
#include "core/base/contains.h"

namespace CLI {
class App;
}

namespace ksim::kctl {

struct Invocation;

// "1:2:3,2:3:1": the brokers of partition 0, of partition 1 and so on.
Result<std::map<int32_t, std::vector<int32_t>>> parse_assignment(std::string_view text);

// One line for each change, on stderr for those that failed; errors in `welcome` are as good as done. The
// exit code.
int report_changes(Session& session, std::string_view doing, std::string_view done,
                   const client::ChangeResults& results, const std::vector<ErrorCode>& welcome);

void add_topic_list(CLI::App& topic, Invocation& invocation);
void add_topic_describe(CLI::App& topic, Invocation& invocation);

}  // namespace ksim::kctl
