#include <tools/transfers.h>

namespace tools {

Transfer& Transfers::open(std::uint64_t index, const Url& url) {
  Transfer& transfer = open_[index];
  transfer.index = index;
  transfer.url = &url;
  return transfer;
}

std::vector<h2::StreamId> Transfers::streams_of(const h2::Connection& connection) const {
  std::vector<h2::StreamId> streams;
  for (const auto& [index, transfer] : open_) {
    if (transfer.connection == &connection) streams.push_back(transfer.stream);
  }
  return streams;
}

void Transfers::content(Transfer& transfer, h2::ByteView data) {
  const auto current = open_.find(turn_);
  if (current == open_.end() || &current->second != &transfer) {
    transfer.held.insert(transfer.held.end(), data.begin(), data.end());
    transfer.connection->consume_connection(transfer.stream, data.size());
    return;
  }
  output_.write(data);
  transfer.connection->consume(transfer.stream, data.size());
  report_.progress(transfer.received, transfer.length);
}

void Transfers::close(Transfer& transfer) {
  transfer.closed = true;
  transfer.connection = nullptr;
  next_turn();
}

void Transfers::next_turn() {
  const std::uint64_t before = turn_;
  for (; turn_ < rules_.total; ++turn_) {
    const auto current = open_.find(turn_);
    if (current == open_.end()) {
      if (rules_.dropped(turn_)) continue;
      break;
    }
    Transfer& transfer = current->second;
    if (!transfer.held.empty()) {
      output_.write(transfer.held);
      if (transfer.connection != nullptr) {
        transfer.connection->consume_stream(transfer.stream, transfer.held.size());
      }
      transfer.held = {};
    }
    if (!transfer.closed) break;
    open_.erase(current);
  }
  if (turn_ != before) rules_.on_turn();
}

}  // namespace tools
