// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/names.h"

#include <algorithm>
#include <array>

namespace mmfault::faults {
namespace {

// errno(3) and what the kernel adds for itself, in order of number; then names
// for the same number. In two arrays, so that the names are a span.
constexpr std::array<std::string_view, 140> kErrnoNames = {
    "EPERM",
    "ENOENT",
    "ESRCH",
    "EINTR",
    "EIO",
    "ENXIO",
    "E2BIG",
    "ENOEXEC",
    "EBADF",
    "ECHILD",
    "EAGAIN",
    "ENOMEM",
    "EACCES",
    "EFAULT",
    "ENOTBLK",
    "EBUSY",
    "EEXIST",
    "EXDEV",
    "ENODEV",
    "ENOTDIR",
    "EISDIR",
    "EINVAL",
    "ENFILE",
    "EMFILE",
    "ENOTTY",
    "ETXTBSY",
    "EFBIG",
    "ENOSPC",
    "ESPIPE",
    "EROFS",
    "EMLINK",
    "EPIPE",
    "EDOM",
    "ERANGE",
    "EDEADLK",
    "ENAMETOOLONG",
    "ENOLCK",
    "ENOSYS",
    "ENOTEMPTY",
    "ELOOP",
    "ENOMSG",
    "EIDRM",
    "ECHRNG",
    "EL2NSYNC",
    "EL3HLT",
    "EL3RST",
    "ELNRNG",
    "EUNATCH",
    "ENOCSI",
    "EL2HLT",
    "EBADE",
    "EBADR",
    "EXFULL",
    "ENOANO",
    "EBADRQC",
    "EBADSLT",
    "EBFONT",
    "ENOSTR",
    "ENODATA",
    "ETIME",
    "ENOSR",
    "ENONET",
    "ENOPKG",
    "EREMOTE",
    "ENOLINK",
    "EADV",
    "ESRMNT",
    "ECOMM",
    "EPROTO",
    "EMULTIHOP",
    "EDOTDOT",
    "EBADMSG",
    "EOVERFLOW",
    "ENOTUNIQ",
    "EBADFD",
    "EREMCHG",
    "ELIBACC",
    "ELIBBAD",
    "ELIBSCN",
    "ELIBMAX",
    "ELIBEXEC",
    "EILSEQ",
    "ERESTART",
    "ESTRPIPE",
    "EUSERS",
    "ENOTSOCK",
    "EDESTADDRREQ",
    "EMSGSIZE",
    "EPROTOTYPE",
    "ENOPROTOOPT",
    "EPROTONOSUPPORT",
    "ESOCKTNOSUPPORT",
    "EOPNOTSUPP",
    "EPFNOSUPPORT",
    "EAFNOSUPPORT",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "ENETDOWN",
    "ENETUNREACH",
    "ENETRESET",
    "ECONNABORTED",
    "ECONNRESET",
    "ENOBUFS",
    "EISCONN",
    "ENOTCONN",
    "ESHUTDOWN",
    "ETOOMANYREFS",
    "ETIMEDOUT",
    "ECONNREFUSED",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "EALREADY",
    "EINPROGRESS",
    "ESTALE",
    "EUCLEAN",
    "ENOTNAM",
    "ENAVAIL",
    "EISNAM",
    "EREMOTEIO",
    "EDQUOT",
    "ENOMEDIUM",
    "EMEDIUMTYPE",
    "ECANCELED",
    "ENOKEY",
    "EKEYEXPIRED",
    "EKEYREVOKED",
    "EKEYREJECTED",
    "EOWNERDEAD",
    "ENOTRECOVERABLE",
    "ERFKILL",
    "EHWPOISON",
    "ERESTARTSYS",
    "ERESTARTNOINTR",
    "ERESTARTNOHAND",
    "ENOIOCTLCMD",
    "ERESTART_RESTARTBLOCK",
    "EPROBE_DEFER",
    "EWOULDBLOCK",
    "EDEADLOCK",
    "ENOTSUP"};
constexpr std::array<int16_t, 140> kErrnos = {
    1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,
    15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,
    29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,  42,  43,
    44,  45,  46,  47,  48,  49,  50,  51,  52,  53,  54,  55,  56,  57,
    59,  60,  61,  62,  63,  64,  65,  66,  67,  68,  69,  70,  71,  72,
    73,  74,  75,  76,  77,  78,  79,  80,  81,  82,  83,  84,  85,  86,
    87,  88,  89,  90,  91,  92,  93,  94,  95,  96,  97,  98,  99,  100,
    101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114,
    115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128,
    129, 130, 131, 132, 133, 512, 513, 514, 515, 516, 517, 11,  35,  95};

// signal(7), in order of number; the first is 1.
constexpr std::array<std::string_view, 31> kSignalNames = {
    "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",    "SIGTRAP", "SIGABRT",
    "SIGBUS",  "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",
    "SIGPIPE", "SIGALRM",   "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT",
    "SIGSTOP", "SIGTSTP",   "SIGTTIN", "SIGTTOU",   "SIGURG",  "SIGXCPU",
    "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH",  "SIGIO",   "SIGPWR",
    "SIGSYS"};

constexpr std::array<std::string_view, 14> kActionNames = {
    "error", "signal",          "hold",     "yield",   "delay",
    "drop",  "duplicate",       "reorder",  "corrupt", "disconnect",
    "crash", "drop_capability", "teardown", "off"};
constexpr std::array<ActionKind, 14> kActions = {
    ActionKind::kError,        ActionKind::kSignal,
    ActionKind::kHold,         ActionKind::kYield,
    ActionKind::kDelay,        ActionKind::kDrop,
    ActionKind::kDuplicate,    ActionKind::kReorder,
    ActionKind::kCorrupt,      ActionKind::kDisconnect,
    ActionKind::kCrash,        ActionKind::kDropCapability,
    ActionKind::kTeardownKill, ActionKind::kNone};

}  // namespace

std::optional<int64_t> ErrnoOf(std::string_view name) {
  const auto* it = std::find(kErrnoNames.begin(), kErrnoNames.end(), name);
  if (it == kErrnoNames.end()) {
    return std::nullopt;
  }
  return kErrnos[static_cast<size_t>(it - kErrnoNames.begin())];
}

std::string ErrnoName(int64_t number) {
  const auto* it = std::find(kErrnos.begin(), kErrnos.end(), number);
  if (it == kErrnos.end()) {
    return std::to_string(number);
  }
  return std::string(kErrnoNames[static_cast<size_t>(it - kErrnos.begin())]);
}

std::span<const std::string_view> ErrnoNames() { return kErrnoNames; }

std::optional<int64_t> SignalOf(std::string_view name) {
  for (size_t i = 0; i < kSignalNames.size(); ++i) {
    if (kSignalNames[i] == name || kSignalNames[i].substr(3) == name) {
      return static_cast<int64_t>(i) + 1;
    }
  }
  return std::nullopt;
}

std::string SignalName(int64_t number) {
  if (number < 1 || number > static_cast<int64_t>(kSignalNames.size())) {
    return std::to_string(number);
  }
  return std::string(kSignalNames[static_cast<size_t>(number - 1)]);
}

std::span<const std::string_view> SignalNames() { return kSignalNames; }

std::span<const std::string_view> ActionNames() { return kActionNames; }

ActionKind ActionOf(std::string_view name) {
  const auto* it = std::find(kActionNames.begin(), kActionNames.end(), name);
  return it == kActionNames.end()
             ? ActionKind::kNone
             : kActions[static_cast<size_t>(it - kActionNames.begin())];
}

}  // namespace mmfault::faults
