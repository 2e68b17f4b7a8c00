#include "core/apps/kctl/completion.h"

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/base/contains.h"

namespace ksim::kctl {
namespace {

void collect(const CLI::App& app, const std::string& path, std::vector<CompletedCommand>& into) {
  CompletedCommand command;
  command.path = path;
  command.about = app.get_description();
  for (const CLI::Option* const option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) command.options.push_back("--" + name);
    for (const std::string& name : option->get_snames()) command.options.push_back("-" + name);
    const std::string& type = option->get_type_name();
    if (option->get_positional() && (type == "TOPIC" || type == "TOPIC...")) command.takes_topics = true;
    const bool of_topics = path.rfind("topic ", 0) == 0 && path != "topic create";
    if (option->get_positional() && of_topics) command.takes_topics = true;
  }
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* const sub : below) command.commands.push_back(sub->get_name());
  into.push_back(std::move(command));
  for (const CLI::App* const sub : below)
    collect(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), into);
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

// Shared by bash and zsh, which both know 'case': finds out which command the words in `before` name, and
// what may follow. The names of the variables mean nothing to either shell.
std::string cases(const std::vector<CompletedCommand>& commands) {
  std::string text = "  for word in \"${before[@]}\"; do\n    case \"${chain:+$chain }$word\" in\n      ";
  std::string separator;
  for (const CompletedCommand& command : commands) {
    if (command.path.empty()) continue;
    text += fmt::format("{}'{}'", separator, command.path);
    separator = " | ";
  }
  text += ") chain=\"${chain:+$chain }$word\" ;;\n    esac\n  done\n  case \"$chain\" in\n";
  for (const CompletedCommand& command : commands)
    text += fmt::format("    '{}') candidates='{}' flags='{}' topics='{}' ;;\n", command.path,
                        joined(command.commands), joined(command.options), command.takes_topics ? "yes" : "");
  return text + "  esac\n";
}

constexpr const char* kListTopics = "kctl --timeout 1 topic list --names 2> /dev/null";

std::string bash_script(const std::vector<CompletedCommand>& commands) {
  return fmt::format(R"sh(# bash completion of kctl: source <(kctl completion bash)
_kctl() {{
  local word chain= candidates= flags= topics= current="${{COMP_WORDS[COMP_CWORD]}}"
  local -a before=("${{COMP_WORDS[@]:1:COMP_CWORD-1}}")
{}  if [[ $current == -* ]]; then
    candidates="$flags {}"
  elif [[ $topics ]]; then
    candidates="$({})"
  fi
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}}
complete -o default -F _kctl kctl
)sh",
                     cases(commands), joined(commands.front().options), kListTopics);
}

std::string zsh_script(const std::vector<CompletedCommand>& commands) {
  return fmt::format(R"sh(#compdef kctl
# zsh completion of kctl: kctl completion zsh > "${{fpath[1]}}/_kctl"
_kctl() {{
  local word chain= candidates= flags= topics= current="${{words[CURRENT]}}"
  local -a before
  before=("${{(@)words[2,CURRENT-1]}}")
{}  if [[ $current == -* ]]; then
    compadd -- ${{=flags}} {}
  elif [[ -n $topics ]]; then
    compadd -- ${{(f)"$({})"}}
  elif [[ -n $candidates ]]; then
    compadd -- ${{=candidates}}
  else
    _files
  fi
}}
compdef _kctl kctl
)sh",
                     cases(commands), joined(commands.front().options), kListTopics);
}

std::string fish_script(const std::vector<CompletedCommand>& commands) {
  std::string text = R"(# fish completion of kctl: kctl completion fish | source
function __kctl_path
  set -l path
  for word in (commandline -opc)[2..-1]
    set -l longer (string join ' ' $path $word)
    if contains -- $longer )";
  for (const CompletedCommand& command : commands)
    if (!command.path.empty()) text += fmt::format("'{}' ", command.path);
  text += R"(
      set path (string split ' ' $longer)
    end
  end
  string join ' ' $path
end
)";
  for (const CompletedCommand& command : commands) {
    const std::string at = fmt::format("-n 'test (__kctl_path) = \"{}\"'", command.path);
    for (const std::string& name : command.commands) {
      const std::string path = command.path.empty() ? name : command.path + " " + name;
      std::string about;
      for (const CompletedCommand& other : commands)
        if (other.path == path) about = other.about;
      text += fmt::format("complete -c kctl -f {} -a '{}' -d \"{}\"\n", at, name, about);
    }
    for (const std::string& option : command.options)
      text +=
          option[1] == '-'
              ? fmt::format("complete -c kctl {} -l {}\n", command.path.empty() ? "" : at, option.substr(2))
              : fmt::format("complete -c kctl {} -s {}\n", command.path.empty() ? "" : at, option.substr(1));
    if (command.takes_topics) text += fmt::format("complete -c kctl {} -a '({})'\n", at, kListTopics);
  }
  return text;
}

}  // namespace

std::vector<CompletedCommand> completed_commands(const CLI::App& kctl) {
  std::vector<CompletedCommand> commands;
  collect(kctl, "", commands);
  return commands;
}

std::string completion_script(std::string_view shell, const std::vector<CompletedCommand>& commands) {
  if (shell == "fish") return fish_script(commands);
  return shell == "zsh" ? zsh_script(commands) : bash_script(commands);
}

void add_completion_command(CLI::App& kctl, Invocation& invocation) {
  CLI::App& command = add_command(kctl, "completion", "a script that lets a shell complete kctl",
                                  "  source <(kctl completion bash)                       in ~/.bashrc\n"
                                  "  kctl completion zsh > \"${fpath[1]}/_kctl\"\n"
                                  "  kctl completion fish > ~/.config/fish/completions/kctl.fish");
  const auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell)
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  on_chosen(command, [&invocation, shell] {
    invocation.answer = [shell](Output& output) {
      Invocation scratch;
      output.text(completion_script(*shell, completed_commands(*make_command_line(scratch))));
      return kDone;
    };
  });
}

}  // namespace ksim::kctl
