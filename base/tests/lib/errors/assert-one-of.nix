# error: level must be one of \[ "a" "b" \], but is: "c"
(import ../../../lib).asserts.assertOneOf "level" "c" [ "a" "b" ]
