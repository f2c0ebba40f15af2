{
  description = "A list of systems, for flakes that take one as an input";

  outputs = _: { };
}
