# Three boards of another kind, one of which somebody works with.
{
  boards = {
    vck-0 = {
      uart = "1-1.1";
      card = "1-1.2";
    };
    vck-1 = {
      uart = "1-2.1";
      card = "1-2.2";
    };
    vck-2 = {
      uart = "1-3.1";
      card = "1-3.2";
      serve = false;
    };
  };
}
