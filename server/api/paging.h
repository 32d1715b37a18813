// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// paging.h: lists in pages.
//
// A token names the key after which the next page begins, so a list may change
// between two pages: what is there all along is seen exactly once. It also
// carries what the list is of, so that a token of another request is refused.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_API_PAGING_H_
#define MMFAULT_SERVER_API_PAGING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mmfault::api {

// Where a page begins and how long it may be.
struct PageStart {
  size_t size = 0;
  std::string after;  // empty: at the beginning
};

// Reads the two fields of a request. `list` says what is listed, like
// `ListFaults worlds/w1`: everything in the request that chooses entries.
//
// Errors: INVALID_ARGUMENT (FIELD_OUT_OF_RANGE): page_size is not in [0, 1000].
// INVALID_ARGUMENT (PAGE_TOKEN_INVALID).
absl::StatusOr<PageStart> StartPage(int32_t page_size,
                                    const std::string& page_token,
                                    std::string_view list);

// The token for the page that begins after `key`.
std::string PageTokenAfter(std::string_view key, std::string_view list);

// Cuts one page out of `keys`, which are all there are, in ascending order:
// calls `add` with the index of each entry of the page. Returns the token for
// the next page, empty when this is the last.
absl::StatusOr<std::string> Page(const std::vector<std::string>& keys,
                                 int32_t page_size,
                                 const std::string& page_token,
                                 std::string_view list,
                                 const std::function<void(size_t)>& add);

// The keys of a list's entries: a member, or a function of an entry.
template <typename List, typename KeyOf>
std::vector<std::string> KeysOf(const List& list, KeyOf key_of) {
  std::vector<std::string> keys;
  keys.reserve(list.size());
  for (const auto& entry : list) {
    keys.emplace_back(std::invoke(key_of, entry));
  }
  return keys;
}

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_PAGING_H_
