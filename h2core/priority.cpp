// The Dictionary of RFC 8941 3.2, as far as a Priority field needs it: every kind of value is walked over as its
// grammar demands, and two members are looked at.
#include <h2core/priority.h>

namespace h2 {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

/// A bare item: its kind and, where it is small, its value.
struct Item {
  enum class Kind : std::uint8_t { integer, boolean, other } kind = Kind::other;
  std::int64_t value = 0;
};

/// Walks over the text; every step says whether the grammar holds. RFC 8941 4.2.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void skip(std::string_view set) {
    while (!text_.empty() && is_one_of(text_.front(), set)) text_.remove_prefix(1);
  }
  bool key(std::string_view& name) {
    if (text_.empty() || (!is_lower(text_.front()) && text_.front() != '*')) return false;
    name = take_while([](char c) { return is_lower(c) || is_digit(c) || is_one_of(c, "_-.*"); });
    return true;
  }
  /// An item or an inner list, with its parameters.
  bool value(Item& item) { return (text_.starts_with('(') ? inner_list() : bare_item(item)) && parameters(); }
  bool parameters() {
    while (take(';')) {
      skip(" ");
      std::string_view name;
      Item item;
      if (!key(name) || (take('=') && !bare_item(item))) return false;
    }
    return true;
  }

 private:
  template <class Test>
  std::string_view take_while(Test test) {
    std::size_t size = 0;
    while (size < text_.size() && test(text_[size])) ++size;
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }

  bool inner_list() {
    take('(');
    for (;;) {
      skip(" ");
      if (take(')')) return true;
      Item item;
      if (!bare_item(item) || !parameters()) return false;
      if (!text_.starts_with(' ') && !text_.starts_with(')')) return false;
    }
  }
  bool bare_item(Item& item) {
    if (text_.empty()) return false;
    const char first = text_.front();
    if (first == '-' || is_digit(first)) return number(item);
    if (first == '"') return string();
    if (first == ':') return bytes();
    if (first == '?') return boolean(item);
    if (first != '*' && !is_alpha(first)) return false;
    take_while([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~:/"); });
    return true;
  }
  bool number(Item& item) {
    const bool negative = take('-');
    const std::string_view whole = take_while(is_digit);
    if (whole.empty() || whole.size() > 15) return false;
    if (take('.')) {
      const std::string_view part = take_while(is_digit);
      return whole.size() <= 12 && !part.empty() && part.size() <= 3;
    }
    item.kind = Item::Kind::integer;
    for (const char c : whole) item.value = item.value * 10 + (c - '0');
    if (negative) item.value = -item.value;
    return true;
  }
  bool string() {
    take('"');
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (c < 0x20 || c >= 0x7f) return false;
      if (c == '\\' && !take('"') && !take('\\')) return false;
    }
    return false;
  }
  bool bytes() {
    take(':');
    take_while([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "+/="); });
    return take(':');
  }
  bool boolean(Item& item) {
    take('?');
    item.kind = Item::Kind::boolean;
    item.value = text_.starts_with('1');
    return take('1') || take('0');
  }

  std::string_view text_;
};

void apply(std::string_view name, const Item& item, Priority& priority) {
  if (name == "u" && item.kind == Item::Kind::integer && item.value >= 0 && item.value <= 7)
    priority.urgency = static_cast<std::uint8_t>(item.value);
  if (name == "i" && item.kind == Item::Kind::boolean) priority.incremental = item.value != 0;
}

}  // namespace

std::optional<Priority> read_priority(std::string_view value, Priority base) noexcept {
  Parser parser(value);
  parser.skip(" ");
  while (!parser.at_end()) {
    std::string_view name;
    if (!parser.key(name)) return std::nullopt;
    Item item{Item::Kind::boolean, 1};  // a key alone is true
    if (parser.take('=')) {
      item = {};
      if (!parser.value(item)) return std::nullopt;
    } else if (!parser.parameters()) {
      return std::nullopt;
    }
    apply(name, item, base);
    parser.skip(" \t");
    if (parser.at_end()) break;
    if (!parser.take(',')) return std::nullopt;
    parser.skip(" \t");
    if (parser.at_end()) return std::nullopt;  // a comma promises a member
  }
  return base;
}

std::size_t write_priority(Priority priority, char (&text)[kPriorityText]) noexcept {
  std::size_t size = 0;
  const auto add = [&](char c) { text[size++] = c; };
  if (priority.urgency != Priority{}.urgency) {
    add('u');
    add('=');
    add(static_cast<char>('0' + priority.urgency));
  }
  if (priority.incremental) {
    if (size > 0) {
      add(',');
      add(' ');
    }
    add('i');
  }
  return size;
}

}  // namespace h2
