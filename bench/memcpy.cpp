// How fast this machine moves bytes: the limit of every engine that copies. 1 GiB in blocks of 16 KiB; op = one block.
// `memcpy_SIZE` is between two buffers of that size. `copied_once` and `copied_twice` are what bulk_copy cannot do
// without: from a body of 128 KiB to the 64 KiB that the other end is fed with, by way of a frame's buffer or not.
#include <cstring>
#include <vector>

#include "task.h"

namespace bench {
namespace {

constexpr std::size_t kBlock = 16384;
constexpr std::size_t kTotal = std::size_t{1} << 30;

class Memcpy : public Task {
 public:
  explicit Memcpy(std::size_t buffer_bytes) : from_(buffer_bytes, std::byte{0x5a}), to_(buffer_bytes) {}

  std::size_t run(std::size_t ops) override {
    std::size_t at = 0;
    for (std::size_t i = 0; i < ops; ++i) {
      std::memcpy(to_.data() + at, from_.data() + at, kBlock);
      asm volatile("" : : "r"(to_.data()) : "memory");  // somebody might read it
      at += kBlock;
      if (at == from_.size()) at = 0;
    }
    require(to_.front() == std::byte{0x5a}, "nothing was copied");
    return ops;
  }

 private:
  std::vector<std::byte> from_, to_;
};

class BulkCopies : public Task {
 public:
  explicit BulkCopies(bool twice) : twice_(twice) {}

  std::size_t run(std::size_t ops) override {
    std::size_t from = 0, to = 0;
    for (std::size_t i = 0; i < ops; ++i) {
      const std::byte* source = body_.data() + from;
      if (twice_) {
        std::memcpy(frame_.data(), source, kBlock);
        asm volatile("" : : "r"(frame_.data()) : "memory");
        source = frame_.data();
      }
      std::memcpy(fed_.data() + to, source, kBlock);
      asm volatile("" : : "r"(fed_.data()) : "memory");
      from = (from + kBlock) % body_.size();
      to = (to + kBlock) % fed_.size();
    }
    require(fed_.front() == std::byte{0x5a}, "nothing was copied");
    return ops;
  }

 private:
  const bool twice_;
  std::vector<std::byte> body_ = std::vector<std::byte>(std::size_t{128} << 10, std::byte{0x5a});
  std::vector<std::byte> frame_ = std::vector<std::byte>(kBlock), fed_ = std::vector<std::byte>(std::size_t{64} << 10);
};

}  // namespace

void add_memcpy(Workloads& all) {
  const auto add = [&](const char* name, std::size_t bytes) {
    all.push_back({name, "machine", kTotal / kBlock, 0, [bytes] { return std::make_unique<Memcpy>(bytes); }});
  };
  add("ref/memcpy_64KiB_cached", std::size_t{64} << 10);
  add("ref/memcpy_256MiB_dram", std::size_t{256} << 20);
  for (const bool twice : {false, true})
    all.push_back({twice ? "ref/copied_twice" : "ref/copied_once", "machine", kTotal / kBlock, 0,
                   [twice] { return std::make_unique<BulkCopies>(twice); }});
}

}  // namespace bench
