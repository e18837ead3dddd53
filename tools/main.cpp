// The program h2: reads the command line and calls the subcommand.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include <tools/get.h>
#include <tools/serve.h>

namespace {

constexpr const char* kExitCodes = R"(exit codes:
  0  everything was fetched
  2  the command line is wrong
  3  no connection (name, port, time)
  4  TLS failed (certificate, alert, not TLS)
  5  the server did not choose h2 (ALPN, or an upgrade that it did not take)
  6  HTTP/2 failed (protocol error, a stream or the connection ended early)
  7  a status of 400 or above
  8  a local file cannot be read or written)";

void add_deadlines(CLI::App& serve, tools::Deadlines& deadlines) {
  CLI::Option_group& group = *serve.add_option_group("Deadlines", "in seconds; 0 switches one off");
  const auto add = [&group](const char* name, std::uint32_t& value, const char* what) {
    group.add_option(name, value, what)->check(CLI::Range(0, 86400))->capture_default_str();
  };
  add("--handshake-seconds", deadlines.handshake, "For the TLS handshake");
  add("--preface-seconds", deadlines.preface, "For the first bytes without TLS, and for the client's SETTINGS");
  add("--settings-seconds", deadlines.settings, "For the acknowledgement of our SETTINGS");
  add("--header-seconds", deadlines.header, "For the head of a request, from its first byte to its last");
  add("--content-seconds", deadlines.content, "Content that a client owes must come at --min-rate over this time");
  add("--output-seconds", deadlines.output,
      "Output that its socket does not take must move at --min-rate over this time");
  add("--window-seconds", deadlines.window, "So must a response that waits for the client's window");
  add("--min-rate", deadlines.min_rate, "Bytes per second");
  add("--idle-seconds", deadlines.idle, "Without a request");
  add("--keepalive-seconds", deadlines.keepalive, "Of silence, then a PING, which has 15 seconds");
  add("--drain-seconds", deadlines.drain, "For what is open on SIGTERM or SIGINT; 0 cuts it at once");
}

CLI::App* add_serve(CLI::App& app, tools::ServeOptions& options) {
  CLI::App* serve = app.add_subcommand("serve", "Serves files, or a page of its own, over HTTP/2 and HTTP/1.1");
  serve->add_option("--host", options.host, "Name or address to listen on")->capture_default_str();
  serve->add_option("--http", options.http_port, "Port for cleartext; 0 picks one (without --http and --https: 8080)");
  serve->add_option("--https", options.https_port, "Port for TLS; 0 picks one (without --http and --https: 8443)");
  auto* cert = serve->add_option("--cert", options.certificate_file,
                                 "Certificate chain, PEM (default: self-signed, for localhost, in memory)");
  auto* key = serve->add_option("--key", options.key_file, "Its key, PEM");
  cert->needs(key);
  key->needs(cert);
  serve->add_option("--write-ca", options.ca_file, "Saves the self-signed certificate, for clients to trust")
      ->excludes(cert);
  serve->add_option("--root", options.root, "Directory whose files are served");
  serve->add_flag("--h2c-upgrade", options.h2c_upgrade, "Lets HTTP/1.1 requests upgrade to HTTP/2 without TLS");
  serve->add_flag("--early-hints", options.early_hints,
                  "Sends a 103 that names the style sheet before the built-in page, over HTTP/2");
  serve->add_flag("--push", options.push, "Pushes that style sheet to HTTP/2 clients that take pushes");
  serve->add_flag("--grease", options.grease, "Sends reserved settings and frames, which clients must ignore");
  serve->add_option("--threads", options.threads, "Event loops")->check(CLI::Range(1, 256))->capture_default_str();
  add_deadlines(*serve, options.deadlines);
  const std::map<std::string, tools::LogLevel> levels{
      {"none", tools::LogLevel::none}, {"errors", tools::LogLevel::errors}, {"all", tools::LogLevel::all}};
  serve
      ->add_option("--log", options.log,
                   "Lines on stderr: none, errors or all, which tells stalls and counters too (default all)")
      ->transform(CLI::CheckedTransformer(levels).description(""))
      ->type_name("LEVEL");
  serve->footer(
      "Answers GET and HEAD for files, POST /echo with what it was sent, GET /bytes/N with N bytes.\n"
      "A WebSocket to /ws over HTTP/2 (RFC 8441) sends every message back.");
  return serve;
}

CLI::App* add_get(CLI::App& app, tools::GetOptions& options) {
  CLI::App* get = app.add_subcommand("get", "Fetches URLs over HTTP/2, many at once on one connection");
  get->add_option("url", options.urls, "http:// (with --prior-knowledge or --h2c-upgrade) or https://")
      ->required()
      ->type_name("URL...");
  get->add_option("-o,--output", options.output_file, "File for the content of one URL (default: stdout)");
  auto* data = get->add_option("-d,--data", options.data, "Content to send, or @FILE")->type_name("DATA|@FILE");
  get->add_option("-X,--request", options.method, "Method (default: GET, or POST with -d)");
  get->add_option("-H,--header", options.fields, "'name: value'")->allow_extra_args(false);
  auto* trailer =
      get->add_option("--trailer", options.trailers, "'name: value', sent behind the content")->allow_extra_args(false);
  get->add_option("--priority", options.priority,
                  "The priority field (RFC 9218): urgency 0 to 7, and i for incremental")
      ->type_name("'u=N, i'");
  get->add_flag("-i,--include", options.show_heads, "Status, fields and trailers of responses on stderr");
  get->add_flag("-v,--verbose", options.verbose, "Frames both ways on stderr, secrets redacted; what stalls; counters");
  get->add_option("--cacert", options.ca_file, "Certificates to trust, PEM (default: the system's)");
  get->add_flag("-k,--insecure", options.insecure, "Trusts any certificate");
  auto* known =
      get->add_flag("--prior-knowledge", options.prior_knowledge, "Speaks HTTP/2 without TLS, for http:// URLs");
  get->add_flag("--h2c-upgrade", options.h2c_upgrade,
                "Asks http:// servers by HTTP/1.1 to go on in HTTP/2 (RFC 7540 3.2)")
      ->excludes(known)
      ->excludes(data)
      ->excludes(trailer);
  get->add_option("--alpn", options.alpn, "What to offer, comma-separated; only h2 is spoken (default h2)")
      ->delimiter(',')
      ->allow_extra_args(false);
  get->add_flag("--push", options.push,
                "Takes what the server pushes, tells its URL, status and size on stderr, and drops it");
  get->add_flag("--grease", options.grease, "Sends reserved settings and frames, which servers must ignore");
  get->add_option("--repeat", options.repeat, "Fetches every URL so often")
      ->check(CLI::Range(1, 100000000))
      ->capture_default_str();
  get->add_option("--concurrency", options.concurrency, "Requests under way at once")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  get->add_option("--timeout", options.timeout_seconds, "Seconds for the connection, and again for TLS or an upgrade")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  get->add_flag("--summary", options.summary, "Protocol, streams, bytes and time on stderr");
  get->footer(kExitCodes);
  return get;
}

int run(int argc, char** argv) {
  CLI::App app("HTTP/2 server and client of h2core", "h2");
  app.require_subcommand(1);
  tools::ServeOptions serve_options;
  tools::GetOptions get_options;
  CLI::App* const serve = add_serve(app, serve_options);
  CLI::App* const get = add_get(app, get_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(tools::Exit::usage);
  }
  if (serve->parsed()) return tools::serve(serve_options);
  get_options.has_data = get->count("--data") != 0;
  return tools::get(get_options);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const tools::Failure& failure) {
    std::fprintf(stderr, "h2: %s\n", failure.what());
    return static_cast<int>(failure.exit());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "h2: %s\n", error.what());
    return 1;
  }
}
