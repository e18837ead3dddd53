#!/usr/bin/python3
"""Our programs against other people's clients and servers, over loopback.

    run.py --h2 PROGRAM [--examples DIR] [--browser] [--attack-seconds N] [--figures] [--list] [NAME]...

Each test is a line `ok NAME`, `FAIL NAME reason` or `skip NAME reason`; a NAME on the command line is a part of one. The
last line is `N passed, N failed, N skipped`, and the exit code is 1 if one failed.
"""
import argparse
import pathlib
import sys
import tempfile
import time
import traceback

import harness

import attacks_test  # noqa: F401  each registers its tests
import errors_test  # noqa: F401
import examples_test  # noqa: F401
import get_test  # noqa: F401
import goaway_test  # noqa: F401
import grease_test  # noqa: F401
import push_test  # noqa: F401
import serve_test  # noqa: F401
import sockets_test  # noqa: F401
import stall_test  # noqa: F401
import threads_test  # noqa: F401
import tls_test  # noqa: F401
import upgrade_test  # noqa: F401
import browser_test  # noqa: F401


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--h2", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--examples", type=pathlib.Path, help="the folder of example-epoll and its sisters")
    parser.add_argument("--browser", action="store_true", help="also with a headless Chromium")
    parser.add_argument("--attack-seconds", type=float, default=1, help="how long each attack lasts (default 1)")
    parser.add_argument("--figures", action="store_true", help="prints what the attacks measured")
    parser.add_argument("--list", action="store_true", help="only the names")
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    chosen = [(name, function) for name, function, browser in harness.TESTS
              if (given.browser or not browser) and (not given.names or any(part in name for part in given.names))]
    if given.list:
        print("\n".join(name for name, _ in chosen))
        return 0

    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with tempfile.TemporaryDirectory(prefix="h2-peers-") as folder:
        place = harness.Place(given.h2.resolve(), given.examples and given.examples.resolve(), folder)
        place.attack_seconds, place.show_figures = given.attack_seconds, given.figures
        chosen.append(("the-shared-server-ends-cleanly", lambda place: place.close()))
        for name, function in chosen:
            start = time.monotonic()
            verdict, reason = judge(function, place)
            counts[verdict] += 1
            print(f"{verdict} {name}{' ' + reason if reason else ''} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return int(counts["FAIL"] != 0)


def judge(function, place):
    try:
        function(place)
        return "ok", ""
    except harness.Skip as reason:
        return "skip", str(reason)
    except harness.Failed as reason:
        return "FAIL", str(reason)
    except Exception as error:  # a test that breaks is a test that fails, and the others go on
        traceback.print_exc()
        return "FAIL", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
