# A machine that is not a board: nothing that Debian's kernel does not do by itself.
{ }
