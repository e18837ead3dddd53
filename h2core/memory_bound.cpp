// What one connection may come to hold, added up from the bounds of its parts.
#include <h2core/detail/engine.h>
#include <h2core/detail/setting_rules.h>

#include <bit>

namespace h2 {
namespace detail {
namespace {

// Sums that may be as large as what callers configure: they stop at the largest number.
struct Bytes {
  std::size_t sum = 0;
  void add(std::uint64_t count, std::uint64_t each = 1) {
    const std::uint64_t room = SIZE_MAX - sum;
    sum += static_cast<std::size_t>(each != 0 && count > room / each ? room : count * each);
  }
};

// A ring or an open table of `count` places: the next power of two, and the half of it that is left while it grows.
constexpr std::uint64_t grown(std::uint64_t count) { return std::bit_ceil(count) + std::bit_ceil(count) / 2; }

}  // namespace

std::size_t Engine::memory_bound(const Config& config) noexcept {
  const Settings& ours = config.settings;
  const std::uint64_t list = list_limit(ours), block = list + kBlockSlack;
  const bool opened_by_peer = config.role == Role::server || ours.enable_push != 0;
  const std::uint64_t streams = opened_by_peer ? ours.max_concurrent_streams : 0;
  const bool possible = broken_by({SettingId::max_frame_size, ours.max_frame_size}, config.role) == Violation::none;
  const std::uint64_t frame = possible ? ours.max_frame_size : Settings{}.max_frame_size;
  const std::uint64_t lingering = std::max<std::uint64_t>(streams, kLeastLingering);
  Bytes bytes;
  bytes.add(sizeof(Engine) + sizeof(Messages));
  bytes.add(StreamTable::bound(2 * streams + lingering + 1));
  bytes.add(Slab<Sending>::bound(2 * streams + 1) + Turns::bound() + BufferPool::bound());
  bytes.add(3 * frame / 2);                                                  // stash_
  bytes.add(std::max(3 * block / 2, block + list));                          // Messages::block, and then ::cookie
  bytes.add(3 * (std::uint64_t{config.max_fields} + 1) / 2, sizeof(Field));  // Messages::fields
  bytes.add(hpack::Decoder::memory_bound(std::max(ours.header_table_size, kUsualTable), list));
  bytes.add(hpack::Encoder::memory_bound(config.encoder_table_cap));
  bytes.add(hpack::RepeatedSection::kMostBytes);
  bytes.add(OutputQueue::bound(config.max_queued_output));
  bytes.add(grown(kMaxSettingsInFlight), sizeof(PendingSettings));
  bytes.add(grown(kMaxPings), sizeof(PendingPing));
  bytes.add(grown(kKeptPriorities), sizeof(KeptPriority));
  return bytes.sum;
}

}  // namespace detail

std::size_t Config::memory_bound() const noexcept { return detail::Engine::memory_bound(*this); }

}  // namespace h2
