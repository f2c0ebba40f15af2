#!/bin/sh
# Runs the tests of the program that switches a host from one generation to another, outside of one.
set -eu
exec perl "$(dirname "$0")/decisions.pl"
