// What several owners on one thread share. std::shared_ptr counts for all threads, and its two locked instructions for
// a request cost some forty cycles.
#pragma once

#include <cstdint>
#include <utility>

namespace tools {

/// To be derived from.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  template <class T>
  friend class Ref;
  mutable std::uint32_t owners_ = 0;
};

/// One owner of a `T`, which was made by `new` and goes with the last of them.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* made) : at_(made) { ++at_->owners_; }
  Ref(const Ref& other) : at_(other.at_) {
    if (at_ != nullptr) ++at_->owners_;
  }
  Ref(Ref&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  ~Ref() {
    if (at_ != nullptr && --at_->owners_ == 0) delete at_;
  }

  T* get() const { return at_; }
  T& operator*() const { return *at_; }
  T* operator->() const { return at_; }
  explicit operator bool() const { return at_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.at_ == b.at_; }

 private:
  T* at_ = nullptr;
};

}  // namespace tools
