// The caller's input as OpenSSL may read it: one record per permit, straight from the caller's memory.
#pragma once

#include <algorithm>
#include <cstring>

#include <hpack/bytes.h>

namespace tlsglue::detail {

/// OpenSSL reads on while it can, and answers as it reads (KeyUpdate). Ending each call at a record's end keeps what
/// one call can queue bounded.
class RecordFeed {
 public:
  /// The input of this call; reading ends with the record that it finishes.
  void permit(hpack::ByteView* input) noexcept {
    input_ = input;
    record_ended_ = false;
  }
  void withdraw() noexcept { input_ = nullptr; }
  /// Whether the present permit, or the last, has come to a record's end.
  bool record_ended() const noexcept { return record_ended_; }

  /// How many bytes it copied to `out`; 0 means "no more for now".
  std::size_t read(std::byte* out, std::size_t wanted) noexcept {
    std::size_t copied = 0;
    while (copied < wanted && input_ != nullptr && !input_->empty() && !record_ended_) {
      const std::size_t left = header_ < kHeaderBytes ? kHeaderBytes - header_ : payload_;
      const std::size_t taken = std::min({wanted - copied, input_->size(), left});
      std::memcpy(out + copied, input_->data(), taken);
      advance(input_->first(taken));
      *input_ = input_->subspan(taken);
      copied += taken;
    }
    return copied;
  }

 private:
  static constexpr std::size_t kHeaderBytes = 5;  // RFC 8446 5.1: type, version, length

  void advance(hpack::ByteView taken) noexcept {
    if (header_ == kHeaderBytes) {
      payload_ -= taken.size();
    } else {
      for (const std::byte octet : taken) {
        if (header_++ >= 3) payload_ = (payload_ << 8 | static_cast<std::size_t>(octet)) & 0xffff;
      }
    }
    if (header_ == kHeaderBytes && payload_ == 0) {
      header_ = 0;
      record_ended_ = true;
    }
  }

  hpack::ByteView* input_ = nullptr;
  std::size_t header_ = 0;   // bytes of the header seen
  std::size_t payload_ = 0;  // bytes of the payload still to come
  bool record_ended_ = false;
};

}  // namespace tlsglue::detail
