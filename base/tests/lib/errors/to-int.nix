# error: toInt: Could not convert "12x" to int
(import ../../../lib).toInt "12x"
