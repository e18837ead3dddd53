// A value or the reason why there is none, for code that throws nothing.
#pragma once

#include <cassert>
#include <type_traits>
#include <utility>
#include <variant>

namespace hpack {

/// Holds either a `T` or an `E`. Reading the one that is not there is the caller's bug (an assertion in debug builds).
template <class T, class E>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, E>, "a Result must be able to tell its value from its error");

 public:
  Result(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) noexcept(std::is_nothrow_move_constructible_v<E>) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & noexcept { return *checked<0>(held_); }
  const T& value() const& noexcept { return *checked<0>(held_); }
  T&& value() && noexcept { return std::move(*checked<0>(held_)); }
  const E& error() const noexcept { return *checked<1>(held_); }

  T& operator*() & noexcept { return value(); }
  const T& operator*() const& noexcept { return value(); }
  T&& operator*() && noexcept { return std::move(*this).value(); }
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

 private:
  template <std::size_t I, class Held>
  static auto* checked(Held& held) noexcept {
    auto* found = std::get_if<I>(&held);
    assert(found != nullptr);
    return found;
  }

  std::variant<T, E> held_;
};

/// Success without a value, or an error. A default-constructed one is success.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() noexcept = default;
  Result(E error) noexcept(std::is_nothrow_move_constructible_v<E>) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  void value() const noexcept { assert(has_value()); }
  const E& error() const noexcept {
    const E* found = std::get_if<1>(&held_);
    assert(found != nullptr);
    return *found;
  }

 private:
  std::variant<std::monostate, E> held_;
};

}  // namespace hpack
