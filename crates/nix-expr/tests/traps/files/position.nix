{ position = builtins.unsafeGetAttrPos "a" { a = 1; }; here = __curPos.line; }
