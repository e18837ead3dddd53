#include <tools/origin.h>

#include <cstdio>

namespace tools {

Transfer* Origin::next(Ahead ahead) {
  if (failed_) return nullptr;
  if (!again_.empty()) return again_.extract(again_.begin()).mapped();
  if (settled()) return nullptr;
  const auto& [place, url] = urls_[next_ % urls_.size()];
  const std::uint64_t index = next_ / urls_.size() * url_count_ + place;
  if (ahead != Ahead::yes && !transfers_.may_start(index)) return nullptr;
  ++next_;
  return &transfers_.open(index, *url);
}

void Origin::again(Transfer& transfer) {
  transfer.connection = nullptr;
  ++transfer.repeats;
  again_.emplace(transfer.index, &transfer);
}

void Origin::give_up(Exit exit, const std::string& line) {
  if (failed_) return;
  failed_ = true;
  report_.fail(exit, line);
  for (const auto& [index, transfer] : std::exchange(again_, {})) {
    report_.fail(Exit::protocol, transfer->name() + ": no answer (" + std::string(h2::name(transfer->verdict)) + ')');
    transfers_.close(*transfer);
  }
  transfers_.next_turn();  // what was not begun will not be
}

std::string Origin::summary(std::uint64_t microseconds) const {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", static_cast<double>(microseconds) / 1e6);
  const std::string connections =
      tally_.connections > 1 ? std::to_string(tally_.connections) + " connections, " : std::string{};
  return first_.origin() + ": h2 (" + tally_.security + "), " + connections + std::to_string(tally_.streams) +
         " streams, " + std::to_string(tally_.received) + " bytes received, " + std::to_string(tally_.sent) +
         " bytes sent, " + seconds + " s";
}

}  // namespace tools
