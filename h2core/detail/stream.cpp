// The table of RFC 9113 5.1: a row per state, a cell per input, the verdict for every illegal one inside.
#include <h2core/detail/stream.h>

namespace h2::detail {
namespace {

constexpr Step to(State next) { return {Answer::ok, next, Violation::none, Misuse::none}; }
constexpr Step bad(Violation violation) { return {Answer::violate, State::idle, violation, Misuse::none}; }
constexpr Step no(Misuse misuse) { return {Answer::misuse, State::idle, Violation::none, misuse}; }
constexpr Step drop() { return {Answer::ignore, State::idle, Violation::none, Misuse::none}; }

constexpr State resl = State::reserved_local, open = State::open, hcl = State::half_closed_local,
                hcr = State::half_closed_remote, ended = State::ended, rstu = State::reset_by_us,
                rstp = State::reset_by_peer;
constexpr Step early = bad(Violation::frame_on_idle_stream);
constexpr Step reserved = bad(Violation::reserved_stream_frame);
constexpr Step late = bad(Violation::frame_on_closed_stream);
constexpr Step half = bad(Violation::half_closed_stream);
constexpr Step promise = bad(Violation::push_stream_state);
constexpr Step gone = no(Misuse::stream_gone);
constexpr Step state = no(Misuse::wrong_state);
constexpr Step over = no(Misuse::already_ended);

// recv: HEADERS, DATA, RST_STREAM, WINDOW_UPDATE, PUSH_PROMISE, END_STREAM; send: HEADERS, DATA, END_STREAM,
// RST_STREAM. WINDOW_UPDATE and RST_STREAM on anything closed may have crossed our own end and are dropped.
constexpr Step kRows[kStates][kInputs] = {
    /* idle */ {to(open), early, bad(Violation::rst_stream_idle), early, promise, early, to(open), state, state, state},
    /* reserved (local) */
    {reserved, reserved, to(rstp), to(resl), reserved, reserved, to(hcr), state, state, to(rstu)},
    /* reserved (remote) */
    {to(hcl), reserved, to(rstp), reserved, promise, reserved, state, state, state, to(rstu)},
    /* open */ {to(open), to(open), to(rstp), to(open), to(open), to(hcr), to(open), to(open), to(hcl), to(rstu)},
    /* half-closed (local) */ {to(hcl), to(hcl), to(rstp), to(hcl), to(hcl), to(ended), over, over, over, to(rstu)},
    /* half-closed (remote) */ {half, half, to(rstp), to(hcr), promise, half, to(hcr), to(hcr), to(ended), to(rstu)},
    /* ended */ {late, late, drop(), drop(), promise, late, gone, gone, gone, gone},
    /* reset by us */ {drop(), drop(), drop(), drop(), drop(), drop(), gone, gone, gone, gone},
    /* reset by peer */ {late, late, drop(), drop(), promise, late, gone, gone, gone, gone},
    /* never used */
    {bad(Violation::stream_id_not_new), late, drop(), drop(), promise, late, gone, gone, gone, gone},
    /* forgotten */ {drop(), drop(), drop(), drop(), drop(), drop(), gone, gone, gone, gone},
};

constexpr auto kColumns = [] {
  std::array<std::array<Step, kStates>, kInputs> columns{};
  for (std::size_t row = 0; row < kStates; ++row)
    for (std::size_t input = 0; input < kInputs; ++input) columns[input][row] = kRows[row][input];
  return columns;
}();

}  // namespace

const std::array<std::array<Step, kStates>, kInputs> kSteps = kColumns;

}  // namespace h2::detail
