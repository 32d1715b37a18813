// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/completion.h"

#include <iostream>

#include "clients/cli/commands.h"

namespace mmfault::cli {
namespace {

// What may come after the words of `command`.
std::string WordsOf(const CLI::App& command) {
  std::string words;
  for (const CLI::App* child : command.get_subcommands({})) {
    words += child->get_name() + " ";
  }
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words += "--" + name + " ";
    }
  }
  if (!words.empty()) words.pop_back();
  return words;
}

// A case for the command, by its path, and those of its children.
void AddCases(const CLI::App& command, const std::string& path,
              std::string* script) {
  *script += "    '" + path + "') words='" + WordsOf(command) + "' ;;\n";
  for (const CLI::App* child : command.get_subcommands({})) {
    AddCases(*child, path + (path.empty() ? "" : " ") + child->get_name(),
             script);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string script = R"(# bash completion for mmfault
# Use: source <(mmfault completion bash)
_mmfault() {
  local current=${COMP_WORDS[COMP_CWORD]} path= word words=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      -*|*/*|*.*) ;;
      *) [[ ${#path} -lt 40 ]] && path+=${path:+ }$word ;;
    esac
  done
  case $path in
)";
  AddCases(app, "", &script);
  script += R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _mmfault mmfault
)";
  return script;
}

void AddCompletionCommand(CLI::App& app, Context& /*context*/) {
  CLI::App* completion =
      app.add_subcommand("completion", "Print a shell completion script");
  completion->require_subcommand(1);
  completion->add_subcommand("bash", "For bash")->callback([&app] {
    std::cout << BashCompletion(app);
  });
}

}  // namespace mmfault::cli
