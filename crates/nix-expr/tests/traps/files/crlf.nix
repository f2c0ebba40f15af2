let
  a = "x
y";
in a
