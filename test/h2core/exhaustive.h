// What the tables of exhaustive_*_test.cpp share: what came of an input in words, and the proof that a connection is
// none the worse for it.
#pragma once

#include <string>

#include "harness.h"

namespace h2::test {

/// What came of the input about `stream` since the last look, in words: the events, then the frames that went out,
/// "ignored" if there were none. A stream error reads "stream CODE", with ", untold" if the caller never knew the
/// stream; a connection error reads "connection CODE, last N", N from the GOAWAY.
std::string outcome(Harness& harness, std::uint32_t stream);

/// A field that goes into the peer's HPACK table by its block, and the index under which the next block finds it
/// there: so it shows whether a block that was thrown away had been decoded (RFC 9113 4.3).
Bytes remembered();
Bytes recalled();
inline const OwnedFields kRememberedField{{"x", "yz"}};

/// A new stream serves one exchange: a request and its response go through. `stream` is one that was never used (a
/// client takes its next); `head` goes behind the head that this side receives, and `fields` must come out of it.
void exchange(Harness& harness, Role role, std::uint32_t stream, const Bytes& head = {},
              const OwnedFields& fields = {});

/// RFC 9113 6.9: every byte of the connection window is still there, announced, delivered or owed.
void check_connection_window(Harness& harness, std::uint32_t announced = 1 << 20);

/// Every sum of some of `bits`.
std::vector<std::uint8_t> subsets(std::initializer_list<std::uint8_t> bits);

template <class T>
Misuse error_of(const Result<T>& result) {
  return result ? Misuse::none : result.error();
}

}  // namespace h2::test
