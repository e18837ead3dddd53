// One request with a body of 1 GiB on one stream. op = 16 KiB of body.
//
// bulk_copy: through the buffer that joins the two sessions. bulk_gather: the body is lent, and what the sender shows
// of it is fed to the receiver where it lies; nobody touches its bytes.
#include "pair.h"

namespace bench {
namespace {

constexpr std::size_t kUnit = 16384;
constexpr std::size_t kUpload = std::size_t{1} << 30;

template <class Engine>
class Bulk : public Task {
 public:
  using Carry = typename Pair<Engine>::Carry;
  explicit Bulk(Carry carry) : carry_(carry) { pair_.run_upload(256 * kUnit, carry); }

  std::size_t run(std::size_t ops) override {
    this->warm_.start();
    pair_.run_upload(ops * kUnit, carry_);
    this->warm_.stop();
    return ops;
  }

 private:
  Pair<Engine> pair_{0};
  Carry carry_;
};

}  // namespace

void add_bulk(Workloads& all) {
  for (const bool copy : {true, false}) {
    for_each_engine([&]<class Engine>() {
      using Carry = typename Bulk<Engine>::Carry;
      all.push_back({copy ? "bulk_copy/upload_1GiB" : "bulk_gather/upload_1GiB", Engine::kName, kUpload / kUnit, 2048,
                     [copy] { return std::make_unique<Bulk<Engine>>(copy ? Carry::copy : Carry::reference); }});
    });
  }
}

}  // namespace bench
