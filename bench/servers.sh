#!/bin/bash
# `h2 serve` beside other servers; --help tells what is measured. It is a part of ./dev, which installs what it needs.
exec "$(dirname "$0")/../dev" servers "$@"
