#pragma once
// Java properties files (java.util.Properties.load): server.properties and meta.properties.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ksim {

using PropertyMap = std::map<std::string, std::string, std::less<>>;

// Comments (# and !), continued lines, escapes (\t \n \r \f \uXXXX), separators '=', ':' or blanks. A key
// that comes twice keeps its last value. The only error is a malformed \uXXXX escape. Text is UTF-8.
Result<PropertyMap> parse_properties(std::string_view text);

// Of anybody's, for a message of one line: control characters as a properties file has them.
std::string one_line(std::string_view text);
// A value as java.util.Properties.store() writes it: parse_properties() reads it again, and it is one line.
std::string escape_property(std::string_view value);

// The configuration a container's environment variable stands for: KAFKA_LOG_DIRS -> log.dirs, with '_' for
// '.', "__" for '_' and "___" for '-'. Empty for variables that are no configuration.
std::string property_of_environment(std::string_view variable);

}  // namespace ksim
