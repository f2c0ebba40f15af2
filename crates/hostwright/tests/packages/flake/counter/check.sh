#!/bin/sh
test "$(./counter)" = 3
